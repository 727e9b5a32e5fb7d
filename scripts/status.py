"""How a run is doing: `./fx status [RUN]`, the newest if none is named; `--all` lists them, `--watch` looks on."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table

from config.compose import load_config
from metrics import registry as names
from metrics.figures import clock_time, lane_line, progress, speed_line
from metrics.runs import LAST, RunSummary, State, find_run, list_runs, summary_of
from metrics.sinks.console import figure_table
from scripts.command import Parser, exit_code
from scripts.output import out
from utils.errors import ConfigError
from utils.paths import anchored, shown

EVERY_S = 1.0
"""Between two looks of --watch."""
LISTED = 20
"""Runs that --all lists."""


def status_parser() -> Parser:
    """The options."""
    parser = Parser("./fx status", __doc__, options="[RUN] [--all] [--watch]")
    parser.add_argument("--all", action="store_true", help=f"list the newest {LISTED} runs instead")
    parser.add_argument("--watch", action="store_true", help="look again every second until the run ends or Ctrl-C")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print it. Raises FxError for a run that is not there."""
    options, words = status_parser().read(arguments)
    wanted = [word for word in words if "=" not in word]
    if len(wanted) > 1:
        raise ConfigError(f"{len(wanted)} runs are named", where="the command line", fix="./fx status RUN, or --all")
    runs = anchored(load_config("momentum_training", [word for word in words if "=" in word]).runs)
    if options.all:
        out.print(listing(list_runs(runs)[:LISTED]))
        return 0
    folder = find_run(runs, wanted[0] if wanted else LAST)
    if options.watch:
        watch(folder)
    else:
        out.print(told(summary_of(folder)))
    return 0


def told(summary: RunSummary) -> RenderableType:
    """One run: state, stage, day, progress, time left, key figures."""
    lines: list[RenderableType] = [f"{shown(summary.folder)}: {_state(summary)}"]
    if summary.numbers is None:
        lines.append("no numbers yet" if summary.state == State.RUNNING else "it has no numbers: it did not train")
        return Panel(Group(*lines), title=summary.name, expand=False)
    values = summary.numbers.value
    lines.append(ProgressBar(total=1.0, completed=progress(values), width=60))
    stage = summary.stage
    where = f", stage {stage['name']} ({stage['stage'] + 1} of {stage['stages']})" if stage else ""
    lines.append(f"{progress(values):.0%} done, {speed_line(summary.numbers.step, values)}{where}")
    if summary.live is not None:
        lines.append(lane_line(summary.live.value))
    return Panel(Group(*lines, figure_table(values)), title=summary.name, expand=False)


def listing(runs: Sequence[RunSummary]) -> Table:
    """A line a run, the newest first."""
    table = Table("run", "state", "steps", "took", "episode P&L", "validation", "lineage")
    for one in runs:
        values = one.numbers.value if one.numbers else {}
        took = clock_time(values[names.ELAPSED_S.name]) if names.ELAPSED_S.name in values else ""
        figures = [
            f"{values[m.name]:+,.2f}" if m.name in values else "" for m in (names.EPISODE_PNL, names.VALIDATION_PNL)
        ]
        table.add_row(one.name, str(one.state), f"{one.step:,}" if one.step else "", took, *figures, one.group)
    return table


def watch(folder: Path) -> None:
    """Show the run until it ends."""
    with Live(told(summary_of(folder)), console=out, auto_refresh=False) as live:
        while (summary := summary_of(folder)).state == State.RUNNING:
            live.update(told(summary), refresh=True)
            time.sleep(EVERY_S)
        live.update(told(summary), refresh=True)


def _state(summary: RunSummary) -> str:
    """In words, with how old the numbers are while it runs, and what came of it afterwards."""
    if summary.state == State.RUNNING and summary.numbers is not None:
        age = dt.datetime.now(dt.UTC).timestamp() - summary.numbers.time
        return f"running, numbers {clock_time(max(age, 0.0))} old"
    if summary.state == State.ENDED and "version" in summary.result:
        return f"ended by {summary.result['stopped_by']}, model {summary.result['version']}"
    if summary.state == State.INTERRUPTED:
        return f"interrupted; ./fx momentum --resume {shown(summary.folder)} goes on"
    return str(summary.state)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 2 and a message for mistakes in the input."""
    return exit_code(run, arguments)


if __name__ == "__main__":
    sys.exit(main())
