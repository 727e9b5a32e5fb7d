"""`./fx audit-rewards`: does any way to lose money get paid?

python -m scripts.audit_rewards [--only NAME] [--quick] [--json FILE] [--docs] [key=value ...]

On a market whose prices are a martingale nobody can earn anything, so whoever is paid there has found a hole in the
reward. Scripted cheats and a short training go after every preset (config/reward/*.yaml, and reward/*.yaml of a folder
of your own), and after every component beside the account's log return. Ends with 1 if one of them is paid on average
while its P&L is not positive.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from config.schema import RewardConfig
from config.search import group_options
from scripts.audit.market import LOG_EVERY_S, Audit
from scripts.audit.report import Figure, Report, Table, conclude, none_of, show
from scripts.audit_rewards.adversaries import ADVERSARIES
from scripts.audit_rewards.hunt import PHASES, Outcome, hunt, only
from scripts.audit_rewards.learners import School
from scripts.command import Parser, exit_code, refuse_own_folder
from scripts.progress import counted
from utils.errors import ConfigError, nearest
from utils.logger import get_logger, setup_logging

PLACEBO = (
    "sample=placebo",
    "sample.folder=cache/audit/placebo",
    "sample.symbols=[MLGO,NVDA,TSLA]",
    "sample.sessions=12",
    "env.decision_interval_s=10",
    "env.max_loss=0.1",
    "model=small",
    "training.threads=1",
)
LANES, QUICK_LANES = 384, 96
STEPS, QUICK_STEPS = 65_536, 16_384
BASE = "log_equity"
log = get_logger(__name__)


def parser() -> Parser:
    """The command line."""
    made = Parser("./fx audit-rewards", __doc__)
    made.add_argument("--only", metavar="NAME", action="append", default=[], help="a preset or +component; repeatable")
    made.add_argument("--quick", action="store_true", help="fewer episodes, presets only: about a minute")
    made.add_argument("--json", metavar="FILE", type=Path, help="write the figures, one object a line")
    made.add_argument("--docs", action="store_true", help="write docs/reward_audit.md: presets of config/ alone")
    return made


def reward_sets(audit: Audit, wanted: Sequence[str]) -> dict[str, RewardConfig]:
    """Every preset, the user's own too, and every component beside the base; those in `wanted`, if any are named.

    Raises ConfigError for a name that does not exist.
    """
    presets = group_options()["reward"]
    names = [*presets, *(f"+{name}" for name in audit.config.reward.components if name != BASE)]
    for name in wanted:
        if name not in names:
            raise ConfigError(
                f"there is no reward {name!r}",
                where="--only",
                near=nearest(name, names),
                fix=f"use one of: {', '.join(names)}",
            )
    return {name: _reward(audit, name) for name in wanted or (presets if audit.quick else names)}


def _reward(audit: Audit, name: str) -> RewardConfig:
    """A preset, or the base and +component."""
    if name.startswith("+"):
        return only(audit.variant("reward=pnl_only").reward, BASE, name.removeprefix("+"))
    return audit.variant(f"reward={name}").reward


def hunted(audit: Audit, sets: dict[str, RewardConfig]) -> list[Outcome]:
    """What every cheat and every short training got from every set."""
    lanes, steps = (QUICK_LANES, QUICK_STEPS) if audit.quick else (LANES, STEPS)
    found: list[Outcome] = []
    for adversary in counted(list(ADVERSARIES.all().values()), "cheats", LOG_EVERY_S):
        found += hunt(adversary, audit.days, audit.variant(*adversary.words), sets, lanes)
    school = School(audit.days, audit.config, LOG_EVERY_S)
    for name in counted(list(sets), "short trainings", LOG_EVERY_S):
        found.append(school.learn(name, sets[name], steps, lanes))
    return found


def report(name: str, found: Sequence[Outcome]) -> Report:
    """Verdicts on one reward, `found` against it."""
    cheats = [one for one in found if one.phase in PHASES]
    hacked = [one for one in cheats if one.hacked]
    figures = [none_of("paid on average for losing money", len(hacked), len(cheats))]
    figures += [Figure(f"hole: {one.who}, weights of the {one.phase}", row(one)[2], "<= 0", False) for one in hacked]
    table = Table(
        f"{name}: who got what",
        "Mean per episode. While costs are handed back (weights of the start), P&L is before them.",
        ["who", "weights of", "reward", "P&L, $", "losing episodes that were paid"],
        [row(one) for one in cheats],
    )
    return Report(figures, [table])


def row(one: Outcome) -> list[str]:
    """For a table."""
    return [one.who, one.phase, f"{one.reward.mean():+.4f}", f"{one.pnl.mean():+.2f}", f"{one.paid_losses:.1%}"]


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say. Raises FxError for mistakes in the input."""
    options, words = parser().read(arguments)
    if options.docs and (options.only or options.quick):
        raise ConfigError("--docs needs the whole audit", where="the command line", fix="leave --only and --quick out")
    if options.docs:
        refuse_own_folder("docs/reward_audit.md")
    audit = Audit([*PLACEBO, *words], quick=options.quick)
    sets = reward_sets(audit, options.only)
    start = time.monotonic()
    found = hunted(audit, sets)
    log.info("%d rewards, %d outcomes: %.0f s", len(sets), len(found), time.monotonic() - start)
    reports = {name: report(name, [one for one in found if one.reward_name == name]) for name in sets}
    for name, one in reports.items():
        show(name, one if not name.startswith("+") or options.only else replace(one, tables=[]))
    code = conclude(reports, options.json)
    if options.docs:
        from scripts.audit_rewards.page import write_page

        write_page(audit, found)
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 if a reward can be hacked, 2 and a message for mistakes in the input."""
    setup_logging()
    return exit_code(run, arguments)


if __name__ == "__main__":
    sys.exit(main())
