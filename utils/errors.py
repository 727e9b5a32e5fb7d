"""Errors that a person can act on: what happened, where it was looked for, the nearest match, the fix.

Entry points print a `FxError` without a traceback and leave with exit code 2, after Ctrl-C with 130. Anything else that
escapes is a bug.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


def nearest(name: str, options: Iterable[str], count: int = 3) -> list[str]:
    """Up to `count` of `options` that look like `name`, best first; case is ignored."""
    by_lower: dict[str, str] = {}
    for option in options:
        by_lower.setdefault(option.lower(), option)
    found = difflib.get_close_matches(name.lower(), by_lower, n=count, cutoff=0.5)
    return [by_lower[f] for f in found]


class FxError(Exception):
    """A mistake in the input, told so that the reader can mend it.

    what: one sentence; where: the places that were looked at; near: likely intended names;
    fix: the exact command or edit.
    """

    def __init__(self, what: str, *, where: str | Path | None = None, near: Iterable[str] = (), fix: str = "") -> None:
        self.what = what
        self.where = str(where) if where is not None else ""
        self.near = tuple(near)
        self.fix = fix
        super().__init__(self.text())

    def text(self) -> str:
        """The message as it is printed, one line a part."""
        lines = [self.what]
        if self.where:
            lines.append(f"  looked in: {self.where}")
        if self.near:
            lines.append(f"  nearest:   {', '.join(self.near)}")
        if self.fix:
            lines.append(f"  fix:       {self.fix}")
        return "\n".join(lines)


class ConfigError(FxError):
    """A configuration key, value or file that cannot be used."""


class DataError(FxError):
    """Market data that is missing or unusable; `rule` names the broken rule (see data/rules.py)."""

    def __init__(
        self,
        what: str,
        *,
        rule: str = "",
        where: str | Path | None = None,
        near: Iterable[str] = (),
        fix: str = "",
    ) -> None:
        self.rule = rule
        super().__init__(f"{what} [{rule}]" if rule else what, where=where, near=near, fix=fix)


class ModelError(FxError):
    """A saved model that is missing, damaged or does not fit the features at hand."""


class TrainingError(FxError):
    """Training that cannot go on, e.g. because numbers stopped being finite."""


class ClusterError(FxError):
    """A cluster that is not there, or whose workers keep dying."""
