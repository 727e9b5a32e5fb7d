"""The documentation tells the truth: generated pages are in sync, links lead somewhere, commands are what they say."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from main import main, parse
from metrics.registry import metrics
from scripts import docs
from scripts.audit.market import BASE
from scripts.audit_fills.__main__ import parser as audit_parser
from scripts.audit_model.__main__ import asked
from scripts.audit_rewards.__main__ import PLACEBO
from scripts.audit_rewards.__main__ import parser as rewards_parser
from scripts.dashboard import start_parser, stop_parser
from scripts.download import download_parser
from scripts.explain import composed as explain_config
from scripts.explain_check.__main__ import BASE as TOY_MARKET
from scripts.explain_check.__main__ import parser as explain_check_parser
from scripts.optimise.commands import accepted
from scripts.replay import replay_parser
from scripts.scan_momentum_days import parser as scan_parser
from scripts.status import status_parser
from scripts.walk_forward.__main__ import composed as walk_forward_config
from scripts.walk_forward.__main__ import parser as walk_forward_parser
from tests.support.configs import load_config
from utils.errors import EXIT_USER_ERROR
from utils.paths import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TASKS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["poe"]["tasks"]
CHEAP = ("--help", "--cfg")
"""Commands with these words are run as they stand; training and backtests are composed and run by test_cli.py."""


def _dashboard(words: list[str]) -> object:
    parser = {"start": start_parser, "stop": stop_parser}[words[0]]()
    return load_config("momentum_training", [word for word in parser.read(words[1:])[1] if "=" in word])


READERS: dict[str, Callable[[list[str]], object]] = {
    "pytest": list,
    "scripts.audit_fills": lambda words: load_config(BASE, audit_parser().read(words)[1]),
    "scripts.audit_model": lambda words: load_config(BASE, asked(words)[2]),
    "scripts.audit_rewards": lambda words: load_config(BASE, [*PLACEBO, *rewards_parser().read(words)[1]]),
    "scripts.bench": list,
    "scripts.dashboard": _dashboard,
    "scripts.docs": list,
    "scripts.download": lambda words: load_config("download", download_parser().read(words)[1]),
    "scripts.explain": explain_config,
    "scripts.explain_check": lambda words: load_config(TOY_MARKET, explain_check_parser().read(words)[1]),
    "scripts.replay": lambda words: replay_parser().read(words),
    "scripts.scan_momentum_days": lambda words: scan_parser().read(words),
    "scripts.status": lambda words: status_parser().read(words),
    "scripts.walk_forward": lambda words: walk_forward_config(*walk_forward_parser().read(words)),
}
"""By program: what its words are read with, and the configuration that they make is composed."""


def commands() -> list[str]:
    """Lines of the fenced shell blocks, without comments."""
    found: list[str] = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
            found += [line.partition("#")[0].strip() for line in block.splitlines() if line.strip()]
    return list(dict.fromkeys(found))


def expanded(command: str) -> list[str]:
    """What a command runs: `./fx TASK ARGS` as pyproject.toml says."""
    words = shlex.split(command)
    if words[0] != "./fx":
        return words
    assert words[1] in TASKS, f"{command}: no such task"
    return [*shlex.split(TASKS[words[1]]["cmd"]), *words[2:]]


def test_there_are_commands() -> None:
    assert "./fx demo" in commands()
    assert "./fx test" in commands()


@pytest.mark.parametrize("command", commands())
def test_every_documented_command_is_accepted(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = expanded(command)
    assert words[0] == "python"
    if words[1] == "main.py":
        if "--help" in words:
            return
        options, overrides = parse(words[2:])
        load_config(options.config, overrides)
        if any(word in words for word in CHEAP):
            assert main(words[2:]) == 0
            assert capsys.readouterr().out
    elif words[1] == "optuna_optimization.py":
        assert accepted(words[2:])
    else:
        READERS[words[2]](words[3:])


def test_help_runs_as_it_stands() -> None:
    done = subprocess.run(
        [sys.executable, "main.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert "--continue" in done.stdout


@pytest.mark.parametrize("name", TASKS)
def test_tasks_say_what_they_do_and_take_every_word(name: str) -> None:
    assert TASKS[name]["help"]
    assert "args" not in TASKS[name], "poe would swallow overrides"


def test_an_unknown_option_of_docs_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.main(["--chek"]) == EXIT_USER_ERROR
    assert "--check" in capsys.readouterr().err


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_metric_is_recorded_by_somebody() -> None:
    """A metric that nothing records promises what does not happen; names from stable-baselines3 come as they are."""
    source = (ROOT / "metrics" / "registry.py").read_text()
    constants = dict(re.findall(r'^(\w+) = metric\(\s*"([^"]+)"', source, re.MULTILINE))
    assert set(constants.values()) == set(metrics())
    folders = ("agent", "scripts", "metrics/collectors")
    code = "\n".join(p.read_text() for folder in folders for p in (ROOT / folder).rglob("*.py"))
    code += (ROOT / "metrics" / "hub.py").read_text()
    unused = [
        name for constant, name in constants.items() if f".{constant}" not in code and not name.startswith("train/")
    ]
    assert unused == []


def test_no_page_names_a_package_index_or_a_machine() -> None:
    for page in PAGES:
        assert not re.search(r"https?://(?!docs\.|databento)", page.read_text()), page.name
