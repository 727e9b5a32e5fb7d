"""A saved model trades many days: in parts of so many days, each for itself, wherever the cluster does them.

Parts are the same wherever they are traded, by one thread, and a lane draws what its day's number says: so a backtest
is the same to the last bit on one machine and on many.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.backtest import Backtest, Progress
from agent.backtest_days import BacktestDay
from agent.explaining import OrdersNoted, Seen
from agent.ledger import Run
from agent.parts import joined
from agent.policy_runner import PolicyRunner
from ai.device import open_device
from config.schema import Config, EnvConfig
from scripts.arrays import load_days
from scripts.evaluate import one_thread
from scripts.pipeline import Sources, open_elsewhere
from utils.cluster.registry import ONE_BY_ONE, open_cluster

DAYS_AT_ONCE = 32
"""Of a part: beside each other a day takes half the time that it takes alone."""
POOL_FROM = 2
"""Parts that are worth processes of their own: one takes as long as several of them take to start."""


class Part(NamedTuple):
    """Some of the days."""

    first: int
    """Number of its first day among all."""
    days: list[BacktestDay]


class Played(NamedTuple):
    """What came of days."""

    run: Run
    oracle_pnl: npt.NDArray[np.float64]
    """Dollars by day."""
    seen: dict[tuple[int, int], Seen]
    """Of `OrdersNoted`."""


class PlayPart:
    """Trade a part of the days with a saved model. Goes to the workers, which open the sources themselves."""

    def __init__(
        self,
        config: Config,
        model: Path,
        env: EnvConfig,
        sources: Sources | None = None,
        progress: Progress | None = None,
    ) -> None:
        """env: of the backtest; sources, progress: of this process."""
        self._config, self._model, self._env = config, model, env
        self._sources, self._progress = sources, progress

    def __call__(self, part: Part, /) -> Played:
        """See `utils.cluster.registry.Work`."""
        config = self._config
        if self._sources is None:
            self._sources = open_elsewhere(config)
        sources = self._sources
        arrays = load_days(config, sources, [(day.symbol, day.date) for day in part.days])
        test = Backtest.of(config, arrays.bank, part.days, self._env, part.first)
        with one_thread():
            policy = OrdersNoted(
                PolicyRunner.load(self._model, arrays.store, sources.extractor.schema, device=config.training.device)
            )
            run = test.run(policy, traced=True, progress=self._progress)
        return Played(run, test.oracle_pnl(), policy.seen)

    def __reduce__(self) -> tuple[type[PlayPart], tuple[Config, Path, EnvConfig]]:
        return PlayPart, (self._config, self._model, self._env)


def play(
    config: Config, sources: Sources, model: Path, env: EnvConfig, days: Sequence[BacktestDay], progress: Progress
) -> Played:
    """Trade `days` with a saved model; rows of the bank are counted over all days."""
    parts = [Part(first, list(days[first : first + DAYS_AT_ONCE])) for first in range(0, len(days), DAYS_AT_ONCE)]
    work = PlayPart(config, model, env, sources, progress)
    # several processes would share one GPU, and each would hold its days there
    pool_from = POOL_FROM if open_device(config.training.device).type == "cpu" else ONE_BY_ONE
    with closing(open_cluster(config.cluster).run(work, parts, doing="backtest", pool_from=pool_from)) as done:
        found = {part.first: played for part, played in done}
    played = [found[part.first] for part in parts]
    seen = {
        (part.first + row, second): what
        for part, one in zip(parts, played, strict=True)
        for (row, second), what in one.seen.items()
    }
    return Played(joined([one.run for one in played]), np.concatenate([one.oracle_pnl for one in played]), seen)
