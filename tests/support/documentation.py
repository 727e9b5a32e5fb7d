"""The pages of the documentation as a reader takes them: their commands, and the files that they have him write."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

from scripts.docs import steps
from utils.paths import ROOT

SITE_PAGES = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *SITE_PAGES]
TASKS: dict[str, dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["poe"]["tasks"]
OWN = "my_fx"
"""The reader's own folder, as the pages call it."""
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(rf"`{OWN}/([\w/]+\.\w+)`:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of the fenced blocks."""
    return _BLOCK.findall(page.read_text())


def commands(page: Path) -> list[str]:
    """Lines of the fenced shell blocks, without comments."""
    lines = [line for language, text in blocks(page) if language == "sh" for line in text.splitlines()]
    return [command for line in lines if (command := line.partition("#")[0].strip())]


def programs(task: str) -> list[list[str]]:
    """The words of each program that a task runs, as pyproject.toml has them."""
    return [shlex.split(command) for command in steps(TASKS[task])]


def expanded(command: str) -> list[str]:
    """What a command runs, word by word: of `./fx TASK ARGS` the one program of that task."""
    words = shlex.split(command)
    if words[0] != "./fx":
        return words
    assert words[1] in TASKS, f"{command}: no such task"
    (program,) = programs(words[1])
    return [*program, *words[2:]]


def write_files(page: Path, folder: Path) -> Path:
    """Write the files that a page has its reader write to `folder` instead of the reader's own; returns it."""
    found = _FILE.findall(page.read_text())
    assert found, f"{page.name} has no file"
    for name, text in found:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
