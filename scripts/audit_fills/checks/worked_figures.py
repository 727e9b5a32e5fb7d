"""The worked figures of scripts/audit_fills/facts.py."""

from __future__ import annotations

from scripts.audit.market import Audit
from scripts.audit.report import Figure, Report
from scripts.audit_fills.facts import TOPICS, facts
from scripts.audit_fills.registry import check


@check("figures", order=4)
def worked_figures(audit: Audit) -> Report:  # noqa: ARG001 - they hold for the rules, whatever the configuration
    """Figures worked out by hand from the public rules: the same to the last digit."""
    found: list[Figure] = []
    for topic in TOPICS:
        rows = [fact for fact in facts() if fact.topic == topic]
        wrong = [fact for fact in rows if not fact.ok]
        found.append(Figure(topic, f"{len(rows) - len(wrong)} of {len(rows)} figures", "all", not wrong))
        found += [Figure(f"{topic}: {fact.what}", fact.computed, fact.expected, False) for fact in wrong]
    return Report(found)
