"""Days and pandas frames for the oracles of the slow features."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas
import pytest

from data.layout import Bar, Daily
from data.market_day import MarketDay
from feature.frame import Frame
from tests.support.made_day import random_day
from tests.support.rich_day import rich_day
from tests.support.wire import python_of

pd: Any = pandas
SHORT = replace(random_day(11, quote_every_s=40.0), open_s=19_777, previous_close=0.0, clock_volume=np.zeros(960))
"""Sparse trades, an odd opening second, nothing known of earlier volumes."""
DAYS = pytest.mark.parametrize("day", [rich_day(), SHORT], ids=["rich", "sparse"])


def seconds(day: MarketDay) -> Any:
    """The bars as a frame in lower case, with `mid` and `spread` as the features see them; 0 prices are NaN."""
    bars = pd.DataFrame(day.bars, columns=[column.name.lower() for column in Bar])
    frame = Frame(day)
    prices = ["open", "high", "low", "close"]
    bars[prices] = bars[prices].where(bars[prices] > 0)
    return bars.assign(mid=frame.value("mid"), spread=frame.value("spread"))


def sessions(day: MarketDay) -> Any:
    """The previous sessions as a frame, NaN where there is none."""
    daily = pd.DataFrame(day.daily, columns=[column.name.lower() for column in Daily])
    return daily.where(daily["close"] > 0)


def same(ours: npt.NDArray[np.float64], theirs: Any, *, rtol: float = 1e-9, atol: float = 1e-12) -> None:
    """Equal where they are finite, and finite in the same rows."""
    expected = np.asarray(theirs, np.float64)
    np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(expected))
    known = np.isfinite(expected)
    assert known.any()
    np.testing.assert_allclose(ours[known], expected[known], rtol=rtol, atol=atol)


def python_agrees(kernel: Any, arguments: tuple[Any, ...], shape: int | tuple[int, ...], stop: int) -> None:
    """An operator's rows [0, stop) compiled and as plain Python."""
    compiled, plain = np.zeros(shape), np.zeros(shape)
    kernel(*arguments, 0, stop, compiled)
    with np.errstate(invalid="ignore"):
        python_of(kernel)(*arguments, 0, stop, plain)
    np.testing.assert_allclose(plain, compiled, rtol=1e-12)
