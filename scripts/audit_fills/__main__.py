"""`./fx audit-fills`: would a trader believe the fills?

python -m scripts.audit_fills [--only NAME] [--quick] [--json FILE] [--docs] [key=value ...]

Works on a small sample market, or on the liveliest days of your own: data.source=files data.folder=FOLDER. Ends with
1 if a check fails.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.audit.market import Audit
from scripts.audit.report import Report, conclude, show
from scripts.audit_fills.registry import CHECKS, Check
from scripts.command import Parser, exit_code
from utils.errors import ConfigError
from utils.logger import get_logger, setup_logging

log = get_logger(__name__)


def parser() -> Parser:
    """The command line."""
    made = Parser("./fx audit-fills", __doc__)
    made.add_argument("--only", metavar="NAME", action="append", default=[], help="one check; repeatable")
    made.add_argument("--quick", action="store_true", help="fewer days and orders: under half a minute")
    made.add_argument("--json", metavar="FILE", type=Path, help="write the figures, one object a line")
    made.add_argument("--docs", action="store_true", help="write docs/execution.md and its picture")
    return made


def chosen(only: Sequence[str]) -> list[Check]:
    """The checks of those names, or all, in order. Raises ConfigError for a name that does not exist."""
    found = [CHECKS.get(name) for name in only] or list(CHECKS.all().values())
    return sorted(found, key=lambda check: (check.order, check.name))


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say. Raises FxError for mistakes in the input."""
    options, words = parser().read(arguments)
    if options.docs and options.only:
        raise ConfigError("--docs needs every check", where="--only", fix="leave --only out")
    checks = chosen(options.only)
    audit = Audit(words, quick=options.quick)
    reports: dict[str, Report] = {}
    for check in checks:
        start = time.monotonic()
        reports[check.name] = check.run(audit)
        log.info("%s: %.1f s", check.name, time.monotonic() - start)
        show(f"{check.name}: {check.about}", reports[check.name])
    code = conclude(reports, options.json)
    if options.docs:
        from scripts.audit_fills.page import write_page

        write_page(audit, reports)
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 if a check fails, 2 and a message for mistakes in the input."""
    setup_logging()
    return exit_code(run, arguments)


if __name__ == "__main__":
    sys.exit(main())
