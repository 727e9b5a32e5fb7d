"""docs/extending.md: the text of extending.md beside this file, with the very files that tests/plugins trains with."""

from __future__ import annotations

import re
from pathlib import Path

from utils.paths import ROOT

TEXT = Path(__file__).with_name("extending.md")
OWN = "my_fx"
FOLDER = ROOT / "tests" / "plugins" / OWN
LANGUAGES = {".py": "python", ".yaml": "yaml"}
_PLACE = re.compile(r"^\{\{(.+)\}\}$", re.MULTILINE)
"""A line that stands for a file of FOLDER."""


def extending_page() -> str:
    """The page."""
    return _PLACE.sub(lambda found: _shown(found[1]), TEXT.read_text())


def _shown(name: str) -> str:
    path = FOLDER / name
    return f"`{OWN}/{name}`:\n\n```{LANGUAGES[path.suffix]}\n{path.read_text().strip()}\n```"
