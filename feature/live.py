"""Features of a day that is still running: second by second, the same bits as over the finished day."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from data.market_day import MarketDay
from feature.extractor import FeatureExtractor
from feature.feature_day import BRANCHES, FeatureDay
from feature.frame import Frame


class LiveFeatures:
    """Grows with a day. Of `day` only what is known before 04:00 is read: previous sessions, hours, previous close."""

    def __init__(self, extractor: FeatureExtractor, day: MarketDay) -> None:
        self._frame = Frame(day, growing=True)
        self._tables = {branch: extractor.branch(branch, self._frame) for branch in BRANCHES}
        self._symbol, self._date = day.symbol, day.date.isoformat()
        self._schema_hash = extractor.schema.hash

    @property
    def seconds(self) -> int:
        """How many are known."""
        return self._frame.seconds

    def append(self, bar: npt.NDArray[np.float64], market: npt.NDArray[np.float64]) -> None:
        """Add one second: its row of `MarketDay.bars` and of `MarketDay.market`."""
        self._frame.append(bar, market)

    def extend(self, bars: npt.NDArray[np.float64], market: npt.NDArray[np.float64]) -> None:
        """Add several seconds at once: what had already happened when one came to a day that was under way."""
        self._frame.extend(bars, market)

    def day(self) -> FeatureDay:
        """The rows so far. They stay where they are: a later call shows the same ones and those that came since."""
        tables = {branch: table.rows() for branch, table in self._tables.items()}
        return FeatureDay(symbol=self._symbol, date=self._date, schema_hash=self._schema_hash, **tables)
