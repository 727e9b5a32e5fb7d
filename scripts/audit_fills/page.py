"""The measured page: docs/execution.md and docs/slippage.svg."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.audit.market import Audit
from scripts.audit.report import Report, as_markdown
from scripts.audit_fills.measure import measured
from scripts.audit_fills.picture import slippage_svg
from scripts.audit_fills.registry import CHECKS
from scripts.docs import FOLDER
from utils.atomic import write_text
from utils.logger import get_logger
from utils.paths import shown

log = get_logger(__name__)
PAGE, PICTURE = FOLDER / "execution.md", FOLDER / "slippage.svg"


def write_page(audit: Audit, reports: Mapping[str, Report]) -> None:
    """Write page and picture from what the checks found."""
    write_text(PICTURE, slippage_svg(measured(audit), audit.data_name))
    write_text(PAGE, page(audit, reports))
    log.info("wrote %s and %s", shown(PAGE), shown(PICTURE))


def page(audit: Audit, reports: Mapping[str, Report]) -> str:
    """Every figure, table and the picture."""
    parts = [
        "<!-- Measured by `./fx audit-fills --docs`; do not edit. -->\n",
        "# Execution, measured\n",
        f"What the fills of [the simulation](simulation.md) look like on {audit.data_name}.\n",
        f"```sh\n{audit.command('audit-fills')}\n```\n",
        f"![Slippage by order size and hour, spread by hour, moves of the mid]({PICTURE.name})\n",
    ]
    for name, report in reports.items():
        parts.append(f"## {name.capitalize()}\n\n{CHECKS.get(name).about}\n")
        parts.append(as_markdown(report))
    return "\n".join(parts)
