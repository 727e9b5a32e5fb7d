"""Why a backtest traded: the entries and exits of its round trips explained, in this process."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from agent.backtest import Backtest
from agent.explaining import ENTRY, EXIT, SEEN_ROWS, OrdersNoted, telling_trades
from agent.ledger import Run
from ai.feature_store import TensorStore
from config.schema import Config
from metrics.explanation import Explanation
from scripts.arrays import Arrays
from scripts.evaluate import one_thread
from scripts.pipeline import Sources
from utils.logger import get_logger
from utils.seeding import stream

log = get_logger(__name__)


class Traded(NamedTuple):
    """What a model did."""

    model: Path
    about: dict[str, Any]
    """What is known of the model."""
    arrays: Arrays
    """Days, one a lane."""
    backtest: Backtest
    policy: OrdersNoted
    run: Run


class Why(NamedTuple):
    """What is known of the trades of a run."""

    trades: pl.DataFrame
    """Those that were explained, see `agent.explaining.telling_trades`."""
    explanation: Explanation


def explain_trades(config: Config, sources: Sources, traded: Traded, most: int) -> Why | None:
    """Explain the `most` trades that won or lost most; None, and said to be, if the agent never traded.

    Raises ModelError if the model cannot be read any more.
    """
    from scripts.explain.work import Question, Spending, answered, sampled, store_of  # captum takes a second or two

    run, about = traded.run, traded.about
    trades = telling_trades(run, most)
    ends = [trades.select("lane", pl.col(end).alias("second")).drop_nulls() for end in (ENTRY, EXIT)]
    sent = pl.concat(ends)
    if sent.is_empty():
        log.info("nothing to explain: the agent sent no order that was filled")
        return None
    cost, training = Spending.from_now(), sampled(trained_days(sources, about), config.explain.days)
    log.info("explaining %d of %d trades", trades.height, run.trades.height)
    lane, second = (sent[name].to_numpy().astype(np.int64) for name in ("lane", "second"))
    question = Question(
        model=traded.model,
        name=traded.model.name,
        step=int(about.get("steps", 0)),
        decisions=traded.policy.decisions(lane, second),
        store=TensorStore(traded.arrays.features),
        training=store_of(config, sources, training, "training days") if training else None,
        seen=_seen(traded.backtest) if training else None,
    )
    with one_thread():
        return Why(trades, answered(config, sources, question, cost))


def trained_days(sources: Sources, about: Mapping[str, Any]) -> list[tuple[str, dt.date]]:
    """The training days of a registered model whose files are here."""
    symbols, found = set(sources.data.symbols()), []
    for name in about.get("days", {}):
        symbol, date = name.rsplit(" ", 1)
        day = symbol, dt.date.fromisoformat(date)
        if symbol in symbols and day[1] in sources.data.sessions(symbol):
            found.append(day)
    return found


def _seen(test: Backtest) -> np.ndarray[Any, np.dtype[np.int64]]:
    """[m, 2] moments of its episodes, drawn evenly."""
    chance, episodes = stream(test.seed, "explain", "seen"), test.episodes()
    lengths = np.array([episode.length for episode in episodes], np.int64)
    rows = chance.choice(len(episodes), SEEN_ROWS, p=lengths / lengths.sum())
    starts = np.array([episode.start for episode in episodes], np.int64)
    return np.stack([rows, starts[rows] + chance.integers(0, lengths[rows])], 1)
