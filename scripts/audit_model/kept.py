"""Answers that were given before: an audit that was stopped goes on where it was.

An answer holds for the same weights, configuration, days, options and source code.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import xxhash

from agent.statistics.verdict import Reason
from scripts.audit.report import Figure, Report, Table
from scripts.audit_model.registry import Answer, Check
from scripts.audit_model.subject import Subject
from scripts.influence import influential
from utils.atomic import write_text
from utils.hashing import json_hash
from utils.paths import ROOT, anchored

FOLDER = "audits"
"""In the cache."""
SOURCES = ("agent", "ai", "config", "data", "envs", "feature", "metrics", "rewards", "scripts", "simulators", "utils")
NO_INFLUENCE = (
    *("name", "mode", "runs", "models", "metrics", "wandb", "dashboard", "explain", "training.log_every_s"),
    *("cluster", "data.shared"),
)


class Kept:
    """The answers of one subject."""

    def __init__(self, subject: Subject) -> None:
        values = influential(subject.config, NO_INFLUENCE)
        options = (subject.options.quick, subject.options.seeds)
        parts = [subject.weights, values, subject.content, options, source_hash()]
        self._folder = anchored(subject.config.data.cache) / FOLDER / json_hash(parts)

    def load(self, check: Check) -> Answer | None:
        """What the check found then; None if it was not asked."""
        try:
            return from_plain(json.loads(self._path(check).read_text()))
        except (FileNotFoundError, ValueError):
            return None

    def save(self, check: Check, answer: Answer) -> None:
        """Keep what it found now."""
        write_text(self._path(check), json.dumps(plain(answer), indent=1))

    def _path(self, check: Check) -> Path:
        return self._folder / f"{check.name}.json"


def plain(answer: Answer) -> dict[str, Any]:
    """For JSON."""
    report, reasons = answer
    return {
        "figures": [vars(figure) for figure in report.figures],
        "tables": [{**vars(table), "head": list(table.head)} for table in report.tables],
        "reasons": [reason._asdict() for reason in reasons],
    }


def from_plain(told: dict[str, Any]) -> Answer:
    """What `plain` made."""
    figures = [Figure(**figure) for figure in told["figures"]]
    tables = [Table(**table) for table in told["tables"]]
    return Answer(Report(figures, tables), [Reason(**reason) for reason in told["reasons"]])


@functools.cache
def source_hash() -> str:
    """Of the code that answers."""
    digest = xxhash.xxh3_128()
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
