"""A data provider: bars as FOLDER/SYMBOL/DATE.csv, with the columns time (New York, of the start), open ... volume."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from data.calendar import session
from data.layout import SECOND_NS
from data.provider import DataProvider, data_provider
from data.quoted_bars import quoted_bars
from utils.errors import DataError

MIDNIGHT_S = -4 * 3600
"""A session begins at 04:00."""
PRICES = ("open", "high", "low", "close")
COLUMNS = {"time": pl.String, **dict.fromkeys(PRICES, pl.Float64), "volume": pl.Int64}


@data_provider("csv_bars")
class CsvBars(DataProvider):
    """Quotes are made up around each close: `data.params` declares the spread and the shares on either side."""

    PARAMS = ("bar_s", "spread_bps", "shares")

    def symbols(self) -> list[str]:
        return sorted({path.parent.name for path in self.folder.glob("*/*.csv")})

    def covered(self, symbol: str, schemas: tuple[str, ...]) -> list[dt.date]:
        files = self.folder.glob(f"{symbol}/*.csv") if "mbp-1" in schemas else ()
        return sorted(dt.date.fromisoformat(path.stem) for path in files)

    def schemas(self, symbol: str, date: dt.date) -> set[str]:
        return {"mbp-1"} if self._file(symbol, date).is_file() else set()

    def source_files(self, symbol: str, date: dt.date, schema: str | None = None) -> list[Path]:
        return [self._file(symbol, date)] if schema in (None, "mbp-1") else []

    def chunks(self, symbol: str, date: dt.date, schema: str) -> Iterator[npt.NDArray[np.void]]:
        if schema not in self.schemas(symbol, date):
            raise self.missing(symbol, date, schema)
        path = self._file(symbol, date)
        try:
            bars = pl.read_csv(path, columns=list(COLUMNS), schema_overrides=COLUMNS)
            clock_ns = bars["time"].str.to_time("%H:%M:%S").cast(pl.Int64).to_numpy()
        except pl.exceptions.PolarsError as why:
            fix = f"give it the columns {', '.join(COLUMNS)}; a time is 09:30:00"
            raise DataError(f"bars cannot be read: {why}", rule="csv", where=path, fix=fix) from why
        start_ns = session(date).start_ns + MIDNIGHT_S * SECOND_NS + clock_ns
        yield quoted_bars(start_ns, bars.select(PRICES).to_numpy(), bars["volume"].to_numpy(), **self.params)

    def _file(self, symbol: str, date: dt.date) -> Path:
        return self.folder / symbol / f"{date}.csv"
