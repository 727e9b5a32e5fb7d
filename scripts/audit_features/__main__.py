"""`./fx audit-features`: does any feature know the future?

python -m scripts.audit_features [--cuts N] [--seed N] [--quick] [--profile] [--json FILE] [key=value ...]

Takes every registered feature, whatever the configuration leaves out. Works on a small sample market, or on the
liveliest days of your own: data.source=files data.folder=FOLDER. Ends with 1 if a feature leaks, or if one that was
planted to leak is not caught.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from config.schema import FeatureConfig
from feature.extractor import FeatureExtractor
from scripts.audit.market import Audit
from scripts.audit.report import PASSED, Report, Table, conclude, show, show_table
from scripts.audit_features.findings import found, leaks, proven
from scripts.audit_features.planted import planted_features
from scripts.audit_features.profile import slowest
from scripts.command import Parser, exit_code
from utils.errors import ConfigError
from utils.logger import get_logger, setup_logging

CUTS, QUICK_CUTS = 200, 20
SLOWEST = 10
log = get_logger(__name__)


def parser() -> Parser:
    """The command line."""
    made = Parser("./fx audit-features", __doc__)
    made.add_argument("--cuts", metavar="N", type=int, help=f"over all days together; {CUTS} if it is not said")
    made.add_argument("--seed", metavar="N", type=int, default=0, help="of the cuts and the noise")
    made.add_argument("--quick", action="store_true", help=f"{QUICK_CUTS} cuts on fewer days: some seconds")
    made.add_argument("--profile", action="store_true", help=f"show the {SLOWEST} slowest kernels instead")
    made.add_argument("--json", metavar="FILE", type=Path, help="write the figures, one object a line")
    return made


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say. Raises FxError for mistakes in the input."""
    options, words = parser().read(arguments)
    audit = Audit(words, quick=options.quick)
    config = FeatureConfig(families=[], exclude=[], windows=audit.config.feature.windows)
    if options.profile:
        show_profile(config, audit)
        return PASSED
    cuts = options.cuts if options.cuts is not None else QUICK_CUTS if options.quick else CUTS
    if cuts < len(audit.days):
        raise ConfigError(f"--cuts {cuts} is less than one a day", where="--cuts", fix=f"{len(audit.days)} or more")
    with planted_features():
        extractor = FeatureExtractor(config, Path(audit.config.data.cache))
    proof = proven(extractor, audit.days, cuts, options.seed)
    reports = {"causality": Report(found(extractor, proof), [leaks(proof)])}
    show(f"causality: {audit.data_name}", reports["causality"])
    return conclude(reports, options.json)


def show_profile(config: FeatureConfig, audit: Audit) -> None:
    """Print where the time of a day goes."""
    extractor = FeatureExtractor(config, Path(audit.config.data.cache))
    day = audit.days[0]
    kernels = slowest(extractor, day)[:SLOWEST]
    rows = [[kernel.name, kernel.numbers, str(kernel.calls), f"{kernel.ms:.2f}"] for kernel in kernels]
    show_table(Table(f"slowest kernels, {day.name}", "", ["kernel", "numbers", "calls", "ms"], rows))


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 if a feature leaks, 2 and a message for mistakes in the input."""
    setup_logging()
    return exit_code(run, arguments)


if __name__ == "__main__":
    sys.exit(main())
