"""What keeps test sessions out of training, and says so where a backtest is on sessions that the model has seen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data.split import Split
from utils.errors import DataError, ModelError
from utils.logger import get_logger

log = get_logger(__name__)


def refuse_held_out(entries: Iterable[tuple[str, dt.date]], split: Split) -> None:
    """Raise DataError if one of the (symbol, date) to train on is a test or validation session."""
    held_out = {date: part for part in ("validation", "test") for date in getattr(split, part)}
    found = [(symbol, date) for symbol, date in entries if date in held_out]
    if found:
        symbol, date = found[0]
        raise DataError(
            f"{len(found)} days to train on are held out: {symbol} {date} is a {held_out[date]} session",
            rule="held-out",
            where="the split of the index",
            fix="train on sessions of split.train only; split.train and split.validation change the shares for all",
        )


def refuse_other_split(model: str, about: Mapping[str, Any], split: Split, allowed: bool) -> None:
    """Raise ModelError if `model` (with metadata `about`) was trained under another split than the present one.

    Under another split, what it has learned from may be test sessions now, and its score is of other sessions.
    """
    if "split" not in about or Split.of_plain(about["split"]).hash == split.hash:
        return
    touched = sorted(seen(about).intersection(split.test))
    told = f"{model} was trained with other sessions held out (data or shares of the split have changed)"
    if not allowed:
        raise ModelError(
            f"{told}; it has seen {len(touched)} of the present test sessions",
            where="training.continue_from",
            fix="train afresh, or accept that with training.other_split=true: backtests leave out what it has seen",
        )
    log.warning("%s; the %d test sessions it has seen stay out of its backtests", told, len(touched))


def seen(about: Mapping[str, Any]) -> set[dt.date]:
    """Sessions that a model with metadata `about` and those it goes on from were trained or chosen on."""
    split = Split.of_plain(about.get("split", {}))
    return {*split.train, *split.validation, *map(dt.date.fromisoformat, about.get("seen_before", ()))}


def in_sample(about: Mapping[str, Any], dates: Sequence[dt.date]) -> str:
    """What the model has seen of a backtest on `dates`, in words; empty if nothing."""
    known = seen(about).intersection(dates)
    return f"the model was trained or chosen on {len(known)} of {len(dates)} sessions" if known else ""
