"""The documentation tells the truth: generated pages are in sync, links lead somewhere, commands are what they say."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from main import main, parse
from metrics.registry import metrics
from scripts import docs, docs_site
from scripts.audit.market import BASE
from scripts.audit_features import __main__ as audit_features
from scripts.audit_fills.__main__ import parser as audit_parser
from scripts.audit_model.__main__ import asked
from scripts.audit_rewards.__main__ import PLACEBO
from scripts.audit_rewards.__main__ import parser as rewards_parser
from scripts.bench_universe import universe_parser
from scripts.capacity.__main__ import parser as capacity_parser
from scripts.dashboard import start_parser, stop_parser
from scripts.download import download_parser
from scripts.explain.__main__ import composed as explain_config
from scripts.explain_check.__main__ import BASE as TOY_MARKET
from scripts.explain_check.__main__ import parser as explain_check_parser
from scripts.inspect_features import __main__ as inspect_features
from scripts.optimise.commands import accepted
from scripts.replay import replay_parser
from scripts.scan_momentum_days import parser as scan_parser
from scripts.seeds import seeds_parser
from scripts.status import status_parser
from scripts.walk_forward.__main__ import composed as walk_forward_config
from scripts.walk_forward.__main__ import parser as walk_forward_parser
from tests.support.configs import load_config
from tests.support.documentation import OWN, PAGES, SITE_PAGES, TASKS, blocks, commands, expanded, programs, write_files
from tests.support.own_folder import MY_FX, own_parts
from utils.errors import EXIT_USER_ERROR
from utils.paths import ROOT

LANGUAGES = {"sh", "bash", "python", "yaml", "csv", "text", ""}
"""Of fenced blocks. What is `sh` is a command of this project, a line each; `bash` is a script for another system."""
CHEAP = ("--help", "--cfg")
"""Commands with these words are run as they stand; training and backtests are composed and run by test_cli.py."""


def _dashboard(words: list[str]) -> object:
    parser = {"start": start_parser, "stop": stop_parser}[words[0]]()
    return load_config("momentum_training", [word for word in parser.read(words[1:])[1] if "=" in word])


READERS: dict[str, Callable[[list[str]], object]] = {
    "pytest": list,
    "scripts.audit_features": lambda words: load_config(BASE, audit_features.parser().read(words)[1]),
    "scripts.audit_fills": lambda words: load_config(BASE, audit_parser().read(words)[1]),
    "scripts.audit_model": lambda words: load_config(BASE, asked(words)[2]),
    "scripts.audit_rewards": lambda words: load_config(BASE, [*PLACEBO, *rewards_parser().read(words)[1]]),
    "scripts.bench": list,
    "scripts.bench_universe": lambda words: load_config("build_index", universe_parser().read(words)[1]),
    "scripts.capacity": lambda words: capacity_parser().read(words),
    "scripts.dashboard": _dashboard,
    "scripts.docs": list,
    "scripts.docs_site": lambda words: docs_site.site_parser().read(words),
    "scripts.download": lambda words: load_config("download", download_parser().read(words)[1]),
    "scripts.explain": explain_config,
    "scripts.explain_check": lambda words: load_config(TOY_MARKET, explain_check_parser().read(words)[1]),
    "scripts.inspect_features": lambda words: load_config("scan", inspect_features.parser().read(words)[1]),
    "scripts.replay": lambda words: replay_parser().read(words),
    "scripts.scan_momentum_days": lambda words: scan_parser().read(words),
    "scripts.seeds": lambda words: load_config("demo", seeds_parser().read(words)[1]),
    "scripts.status": lambda words: status_parser().read(words),
    "scripts.walk_forward": lambda words: walk_forward_config(*walk_forward_parser().read(words)),
}
"""By program: what its words are read with, and the configuration that they make is composed."""
CI = ".ci/run"
BY_HAND = ("git", ".venv/bin/pre-commit", "uvx")
RUN_BY: dict[str, str] = {
    "lint-imports": CI,
    "main.py": "tests/end_to_end/test_cli.py",
    "optuna_optimization.py": "tests/end_to_end/test_optuna.py",
    "pyright": CI,
    "pytest": CI,
    "ruff": CI,
    "scripts.audit_features": "tests/causality/test_feature_causality.py",
    "scripts.audit_fills": "tests/end_to_end/test_audit_fills.py",
    "scripts.audit_model": "tests/end_to_end/test_audit_model.py",
    "scripts.audit_rewards": "tests/end_to_end/test_audit_rewards.py",
    "scripts.bench": "tests/scripts/test_bench.py",
    "scripts.bench_universe": "tests/scripts/test_bench_universe.py",
    "scripts.capacity": "tests/scripts/test_capacity.py",
    "scripts.compare": "tests/end_to_end/test_compare.py",
    "scripts.curriculum_ablation": "tests/end_to_end/test_own_curriculum.py",
    "scripts.dashboard": "tests/browser/test_dashboard.py",
    "scripts.docs": "tests/test_docs.py",
    "scripts.docs_site": "tests/test_docs.py",
    "scripts.download": "tests/scripts/test_download.py",
    "scripts.engine_ablation": "tests/scripts/test_engine_ablation.py",
    "scripts.explain": "tests/end_to_end/test_explain.py",
    "scripts.explain_check": "tests/scripts/test_explain_check.py",
    "scripts.fuzz": "tests/scripts/test_fuzz.py",
    "scripts.inspect_features": "tests/end_to_end/test_inspect_features.py",
    "scripts.replay": "tests/scripts/test_replay.py",
    "scripts.scan_momentum_days": "tests/end_to_end/test_cli.py",
    "scripts.seeds": "tests/end_to_end/test_seeds.py",
    "scripts.status": "tests/scripts/test_status.py",
    "scripts.stress_cache": "tests/scripts/test_stress_cache.py",
    "scripts.walk_forward": "tests/end_to_end/test_walk_forward.py",
    "tests.faults": "tests/faults/test_faults.py",
}
"""By program: the test, or step of CI, that runs it for real. The words of the pages are read and composed below."""


ALL = list(dict.fromkeys(command for page in PAGES for command in commands(page)))


def test_there_are_commands() -> None:
    assert {"./fx demo", "./fx test"} <= set(ALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_blocks_are_of_known_languages_and_tasks_exist(page: Path) -> None:
    assert {language for language, _ in blocks(page)} <= LANGUAGES
    named = set(re.findall(r"`\./fx ([a-z0-9-]+)", page.read_text()))
    assert named <= {*TASKS, "setup"}


@pytest.mark.parametrize("task", TASKS)
def test_every_program_is_run_by_a_test_or_by_ci(task: str) -> None:
    for words in programs(task):
        name = words[0] if words[0] != "python" else words[2] if words[1] == "-m" else words[1]
        runner = (ROOT / RUN_BY[name]).read_text()
        wanted = "./fx check" if RUN_BY[name] == CI else name.removesuffix(".py").rpartition(".")[2]
        assert wanted in runner, f"{RUN_BY[name]} does not run {name}"


@pytest.fixture(scope="module")
def own_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of docs/extending.md, with what the how-tos have their reader write."""
    folder = tmp_path_factory.mktemp("own") / OWN
    shutil.copytree(MY_FX, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for page in (ROOT / "docs" / "how-to").glob("own-*.md"):
        if f"`{OWN}/" in page.read_text():
            write_files(page, folder)
    return folder


@pytest.fixture
def own_folder(own_files: Path) -> Iterator[str]:
    """Not looked into before a command names it; what its modules declare is forgotten afterwards."""
    with own_parts(own_files), pytest.MonkeyPatch.context() as patch:
        patch.setenv("FX_CONFIG_DIR", str(ROOT / "config"))
        yield str(own_files)


@pytest.mark.parametrize("command", ALL)
def test_every_documented_command_is_accepted(
    command: str, own_folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if command.split(maxsplit=1)[0] in BY_HAND or command in ("./fx setup", "./fx check", "./fx format"):
        return  # set-up, or several programs without words: what CI begins with
    words = [own_folder if word == OWN else word for word in expanded(command)]
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
    elif words[1] == "-m":
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


def test_pages_are_not_made_of_files_of_the_users_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FX_CONFIG_DIR", str(MY_FX))
    assert docs.main(["--check"]) == EXIT_USER_ERROR
    assert "leave --config-dir and FX_CONFIG_DIR out" in capsys.readouterr().err


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
        assert not re.search(r"https?://(?!docs\.|databento|localhost|127\.0\.0\.1)", page.read_text()), page.name


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation as a site, built once: a link that leads nowhere is refused."""
    out = tmp_path_factory.mktemp("site")
    assert docs_site.main(["--out", str(out)]) == 0
    return out


def test_the_site_has_every_page_in_its_navigation(site: Path) -> None:
    home = (site / "index.html").read_text()
    for page in SITE_PAGES:
        html = page.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        assert (site / html).is_file()
        assert f'href="{html}"' in home, f"{page.name} is missing in the navigation: add it to mkdocs.yml"


def test_the_site_asks_no_other_host_for_anything(site: Path) -> None:
    loads = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=[\"']?(?:https?:)?//", re.IGNORECASE)
    for page in site.rglob("*.html"):
        text = page.read_text()
        assert not loads.search(text), page.name
        assert "default-src 'self'" in text or page.name == "404.html"
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:url\([\"']?|@import\s+[\"'])(?:https?:)?//", style.read_text()), style.name


def test_the_site_refuses_what_it_cannot_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert docs_site.main(["--sreve"]) == EXIT_USER_ERROR
    assert "--serve" in capsys.readouterr().err
    with socket.socket() as taken:
        taken.bind((docs_site.HOST, 0))
        taken.listen()
        assert docs_site.main(["--serve", "--port", str(taken.getsockname()[1])]) == EXIT_USER_ERROR
    assert "fix:" in capsys.readouterr().err


def test_hooks_run_what_the_checks_run() -> None:
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-config"], cwd=ROOT, check=True, timeout=60)
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert {repo["repo"] for repo in hooks} == {"local"}, "a hook from elsewhere would be fetched"
    for hook in (hook for repo in hooks for hook in repo["hooks"]):
        words = hook["entry"].removeprefix(".venv/bin/").replace(" --fix", "").split()
        assert any(step[: len(words)] == words or words[:1] == step[:1] for step in programs("check")), hook["id"]
