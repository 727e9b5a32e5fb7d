"""The episodes that ended last, and their averages."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np

from agent.vec_env import EpisodeRow
from metrics import registry as names

RECENT = 100
"""Episodes over which the episode metrics are averaged."""


class RecentEpisodes:
    """The last RECENT of them."""

    def __init__(self) -> None:
        self._rows: deque[EpisodeRow] = deque(maxlen=RECENT)

    def add(self, rows: Iterable[EpisodeRow]) -> None:
        """These have ended."""
        self._rows.extend(rows)

    def values(self) -> dict[str, float]:
        """Averages by the names of metrics/registry.py; empty before the first episode."""
        if not self._rows:
            return {}
        pnl = np.array([row.pnl for row in self._rows])
        return {
            names.EPISODE_RETURN.name: float(np.mean([row.log_return for row in self._rows])),
            names.EPISODE_PNL.name: float(pnl.mean()),
            names.WIN_SHARE.name: float((pnl > 0).mean()),
            names.TRADES.name: float(np.mean([row.trades for row in self._rows])),
        }

    def state(self) -> list[list[float]]:
        """As plain data, oldest first; floats keep every bit."""
        return [list(row) for row in self._rows]

    def load_state(self, state: Iterable[Sequence[float]]) -> None:
        """Inverse of `state`."""
        self._rows.clear()
        for log_return, pnl, reward, steps, trades, ending in state:
            self._rows.append(EpisodeRow(log_return, pnl, reward, int(steps), int(trades), int(ending)))
