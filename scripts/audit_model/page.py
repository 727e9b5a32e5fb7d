"""The verdict as one page (audit.html), and what each check asks (docs/audit.md)."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from scripts.audit.report import HEAD, VERDICTS_ON_PAGES, Report, Table, as_markdown
from scripts.audit_model.registry import CHECKS, Answer, Check
from scripts.audit_model.subject import Subject
from scripts.audit_model.verdict import Verdict
from scripts.docs import FOLDER
from utils.atomic import write_text
from utils.logger import get_logger
from utils.markdown import markdown
from utils.paths import shown
from utils.web.page import SYNTHETIC, head_cells, page, table_html

log = get_logger(__name__)
PAGE = FOLDER / "audit.md"
CLASSES = {True: "pos", False: "neg", None: "note"}
MARKS = {True: "+", False: "-", None: "?"}
INTRODUCTION = (
    "A backtest is a claim; the audit tries to break it. `./fx audit` attacks a registered model (the best one, or the "
    "one that is named) under its own configuration and ends with a verdict, its reasons and the exit code: 0 passed, "
    "1 failed, 2 wrong input. `audit.html` and `audit.json` lie in the folder of the run."
)
EXAMPLES = "./fx audit --quick\n./fx audit v3 --seeds 10\n./fx audit --only sensitivity --only causality"
KEPT = (
    "What was finished is kept: after Ctrl-C the same command goes on, with the training that was stopped too. An "
    "answer holds for the same weights, configuration, days, options and source code; `--fresh` asks anew. The models "
    "that it trains lie beside the registry, and never become the best of it. A new check is one new file in "
    "`scripts/audit_model/checks`."
)
STYLE = """
.verdict { font-size: 1.15rem; font-weight: 600; border-left: .4rem solid var(--down); }
.verdict.pos { border-color: var(--up); color: var(--text); }
.verdict.neg { color: var(--text); }
.reasons { list-style: none; padding: 0; margin: 0; }
.reasons li { padding: .2rem 0 .2rem 1.4rem; text-indent: -1.4rem; }
.reasons b { display: inline-block; width: 1.4rem; text-indent: 0; }
summary { cursor: pointer; font-weight: 600; }
summary b { display: inline-block; width: 4.5rem; }
td.neg { font-weight: 700; }
.heat td.num { border: 2px solid var(--card); }
.heat td.num.pos { background: var(--up-back); }
.heat td.num.neg { background: var(--down-back); }
"""
HEAT = re.compile(r"[+-]\$")


def html_page(subject: Subject, verdict: Verdict, answers: Mapping[str, Answer]) -> str:
    """The verdict, its reasons, then every check with its figures and tables."""
    word = "passed" if verdict.passed else "failed"
    facts = ", ".join(f"{name} {value}" for name, value in subject.facts.items())
    reasons = "".join(
        f'<li><b class="{CLASSES[r.good]}">{MARKS[r.good]}</b>{html.escape(r.text)}</li>' for r in verdict.reasons
    )
    body = (
        f'<p class="note">{html.escape(facts)}</p>'
        f'<div class="card verdict {CLASSES[verdict.passed]}">{html.escape(verdict.sentence)}</div>'
        f'<div class="card"><h2>Reasons</h2><ul class="reasons">{reasons}</ul></div>'
        + "".join(_section(check, answers[check.name]) for check in asked(answers))
    )
    tags = [SYNTHETIC] if subject.market.synthetic else []
    return page(f"Audit of {subject.name}: {word}", body, style=STYLE, tags=tags)


def asked(answers: Mapping[str, Answer]) -> list[Check]:
    """The checks that were asked, in their order."""
    return [CHECKS.get(name) for name in answers]


def _section(check: Check, answer: Answer) -> str:
    """Closed unless it failed: what matters fits on one page."""
    word, state = ("passed", "") if answer.passed else ("failed", " open")
    title = f"{check.name.replace('_', ' ')}: {check.about}"
    return (
        f'<details class="card"{state}><summary><b class="{CLASSES[answer.passed]}">{word}</b> {html.escape(title)}'
        f'</summary><p class="note">{html.escape(check.why)}</p>{_figures(answer.report)}'
        f"{''.join(map(_table, answer.report.tables))}</details>"
    )


def _figures(report: Report) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(f.name)}</td><td>{html.escape(f.value)}</td><td>{html.escape(f.asked)}</td>"
        f'<td class="{CLASSES[f.ok]}">{VERDICTS_ON_PAGES[f.ok].strip("*")}</td></tr>'
        for f in report.figures
    )
    return f'<table class="small"><thead><tr>{head_cells(HEAD, len(HEAD))}</tr></thead><tbody>{rows}</tbody></table>'


def _table(table: Table) -> str:
    heat = "heat" if any(HEAT.match(cell) for row in table.rows for cell in row) else "small"
    shown_table = table_html(table.head, table.rows, name=f"small {heat}")
    return f'<h3>{html.escape(table.title)}</h3><p class="note">{html.escape(table.note)}</p>{shown_table}'


def write_docs(subject: Subject, verdict: Verdict, answers: Mapping[str, Answer]) -> None:
    """Write docs/audit.md."""
    write_text(PAGE, docs_page(subject, verdict, answers))
    log.info("wrote %s", shown(PAGE))


def docs_page(subject: Subject, verdict: Verdict, answers: Mapping[str, Answer]) -> str:
    """What is asked and why, then what came of it for one model."""
    checks = asked(answers)
    facts = "; ".join(f"{name} {value}" for name, value in subject.facts.items())
    return "\n".join(
        [
            "<!-- Measured by `./fx audit --docs`; do not edit. -->\n",
            "# Audit of a model\n",
            f"{INTRODUCTION}\n",
            f"```sh\n{EXAMPLES}\n```\n",
            f"{KEPT}\n",
            "## What is asked\n",
            *(f"**{check.name}**: {check.about} {check.why}\n" for check in checks),
            "## A result\n",
            f"Audited: {facts}.\n",
            f"**{verdict.sentence}**\n",
            _reasons(verdict),
            *(_part(check, answers[check.name].report) for check in checks),
        ]
    )


def _reasons(verdict: Verdict) -> str:
    return markdown(["reason", "speaks for it"], [[r.text, VERDICTS_ON_PAGES[r.good]] for r in verdict.reasons])


def _part(check: Check, report: Report) -> str:
    return f"## {check.name}\n\n{as_markdown(report)}"
