"""The same trading against a market that is harder, and easier, than the configured one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agent.policy_runner import PolicyRunner
from agent.statistics.verdict import Reason
from config.compose import load_config
from config.schema import FillConfig, LatencyConfig, SimulationConfig
from scripts.audit.market import LOG_EVERY_S
from scripts.audit.report import Figure, Report, Table
from scripts.audit_model.registry import Answer, check
from scripts.audit_model.subject import BASE, Subject
from scripts.progress import counted
from simulators.day_bank import DayBank
from utils.atomic import write_text
from utils.paths import anchored
from utils.web.text import money

FILL = "l1_walk"
"""The fill model that has both parameters."""
SHARE, IMPACT = "displayed_share", "impact"
SHARES, IMPACTS, SLOWER = (0.15, 0.3, 0.6), (0.5, 1.0, 2.0), (1.0, 4.0)
CACHE_BYTES = 1 << 30
"""For encoded minutes: they are the same in all cells."""


class Cell(NamedTuple):
    """One market, and what the model earned on it."""

    share: float
    """Of the displayed size that an order can take."""
    impact: float
    slower: float
    """Factor on the latency."""
    net: float
    """Dollars per held-out session."""

    @property
    def about(self) -> str:
        """In words."""
        latency = "the configured latency" if self.slower == 1 else f"{self.slower:g} x the latency"
        return f"{self.share:.0%} of the displayed size, {self.impact:g} x the impact and {latency}"


@check("sensitivity", order=4)
def sensitivity(subject: Subject) -> Answer:
    """Does it still earn money if fills are worse than assumed?

    Nobody knows the share of the displayed size that an order gets, its impact or the latency of next year. The
    held-out days are traded with three values of each of the first two, and with the configured and four times the
    latency: the model has to earn money in all 18 cells. The policy decides anew in each of them, as it would have.
    """
    cells = _cells(subject)
    gains = [cell for cell in cells if cell.net > 0]
    worst = min(cells, key=lambda cell: cell.net)
    figures = [
        Figure("cells with a net P&L above 0", f"{len(gains)} of {len(cells)}", "all", len(gains) == len(cells)),
        Figure("worst cell, per session", money(worst.net), "above $0", worst.net > 0),
        Figure("it is", worst.about, "", None),
    ]
    own = subject.config.simulation.fill.model
    note = "The model has to earn money in all of them."
    note += "" if own == FILL else f" Its own fill model, {own}, has neither parameter: orders fill by {FILL} here."
    return Answer(Report(figures, [_table(cells, note)]), [reason_of(cells)])


def _cells(subject: Subject) -> list[Cell]:
    test, schema, device = subject.test, subject.market.extractor.schema, subject.config.training.device
    policy = PolicyRunner.load(subject.path, test.arrays.store, schema, device=device, cache_bytes=CACHE_BYTES)
    found: list[Cell] = []
    for chosen in counted(list(itertools.product(SHARES, IMPACTS, SLOWER)), "cells", LOG_EVERY_S):
        simulation = _simulation(subject, *chosen)
        bank = DayBank(test.arrays.days, simulation)
        run = replace(test.backtest, bank=bank, simulation=simulation).run(policy)
        found.append(Cell(*chosen, float(test.sessions(run.pnl).pnl.mean())))
    return found


def _simulation(subject: Subject, share: float, impact: float, slower: float) -> SimulationConfig:
    """The model's own, with those changes."""
    simulation = subject.config.simulation
    fill = simulation.fill if simulation.fill.model == FILL else load_config(BASE, []).simulation.fill
    changed = FillConfig(fill.model, {**fill.params, SHARE: share, IMPACT: impact})
    folder = anchored(subject.config.data.cache) / "audits"
    return replace(simulation, fill=changed, latency=stretched(simulation.latency, slower, folder))


def stretched(latency: LatencyConfig, factor: float, folder: Path) -> LatencyConfig:
    """The same distribution, stretched: parameters in milliseconds, and the file of measured ones."""
    params = {name: value * (factor if name.endswith("ms") else 1.0) for name, value in latency.params.items()}
    if not latency.file or factor == 1:
        return replace(latency, params=params)
    values = np.loadtxt(anchored(latency.file), ndmin=1) * factor
    file = folder / f"{Path(latency.file).stem}-x{factor:g}.txt"
    write_text(file, "".join(f"{value!r}\n" for value in values.tolist()))
    return replace(latency, params=params, file=str(file))


def _table(cells: Sequence[Cell], note: str) -> Table:
    """Latencies and shares by row, impacts by column."""
    net = {cell[:3]: cell.net for cell in cells}
    head = ["latency, share of the displayed size", *(f"impact x {impact:g}" for impact in IMPACTS)]
    rows = [
        [f"x {slower:g}, {share:.0%}", *(money(net[share, impact, slower]) for impact in IMPACTS)]
        for slower, share in itertools.product(SLOWER, SHARES)
    ]
    return Table("net P&L per held-out session", note, head, rows)


def reason_of(cells: Sequence[Cell]) -> Reason:
    """What follows, with what the losing cells have in common."""
    losing = [cell for cell in cells if cell.net <= 0]
    if not losing:
        return Reason(f"It earns money in all {len(cells)} combinations of fills, impact and latency.", True)
    if all(cell.net == 0 for cell in cells):
        return Reason("It does not trade at all on the held-out days.", False)
    if len(losing) == len(cells):
        return Reason(f"It loses money in all {len(cells)} combinations of fills, impact and latency.", False)
    told = _common(losing, [cell for cell in cells if cell.net > 0])
    return Reason(f"Net P&L turns negative {told} ({len(losing)} of {len(cells)} cells).", False)


def _common(losing: Sequence[Cell], earning: Sequence[Cell]) -> str:
    """What only losing cells have in common; else the losing cell that is nearest to the configured one."""
    slow, heavy, thin = SLOWER[-1], IMPACTS[-1], SHARES[0]
    for told, bad in (
        (f"when latency is {slow:g}x", lambda cell: cell.slower == slow),
        (f"when impact is {heavy:g}x", lambda cell: cell.impact == heavy),
        (f"when only {thin:.0%} of the displayed size can be had", lambda cell: cell.share == thin),
    ):
        if all(map(bad, losing)) and not any(map(bad, earning)):
            return told
    return f"with {max(losing, key=lambda cell: cell.net).about}"
