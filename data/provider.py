"""Where market data comes from. A provider answers for symbols, sessions and records; `data.provider` names it.

    @data_provider("csv_bars")
    class CsvBars(DataProvider):
        ...

One file in data/providers, or a module of one's own that `plugins` names.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from config.schema import DataConfig
from data.catalog import Quarantined
from data.layout import DAILY_BAR
from data.minute_bars import SOURCES
from data.rules import RULES
from utils.errors import DataError, nearest
from utils.hashing import json_hash, text_hash
from utils.jit import outside_code
from utils.paths import anchored, shown
from utils.registry import Registry, parameters


class DataProvider(ABC):
    """All market data below a folder. Picklable: workers get a copy.

    Records are arrays of `WIRE[schema]` (data/layout.py) in order of arrival. A day can be traded if there is mbp-1;
    trades give prices without quotes; a `status` schema tells of halts. Splits and numbers of shares are read from
    tables in the folder, whatever the provider (data/corporate_actions.py, data/reference.py).
    """

    PARAMS: tuple[str, ...] = ()
    """Names that `data.params` has to give, all of them numbers."""

    def __init__(self, folder: Path, config: DataConfig) -> None:
        """Find what there is. A damaged file is left out, never a reason to fail."""
        self._folder = anchored(folder)
        self.params = config.params

    # ------------------------------------------------------------ what a provider has to say
    @abstractmethod
    def symbols(self) -> list[str]:
        """All of them, sorted; empty if there is nothing to read."""

    @abstractmethod
    def covered(self, symbol: str, schemas: tuple[str, ...]) -> list[dt.date]:
        """Sessions with records of any of `schemas`, in order; empty for an unknown symbol."""

    @abstractmethod
    def schemas(self, symbol: str, date: dt.date) -> set[str]:
        """Schemas that the session has, of those in WIRE."""

    @abstractmethod
    def source_files(self, symbol: str, date: dt.date, schema: str | None = None) -> list[Path]:
        """Files that `chunks` reads, of one schema or of all, sorted: caches know a day by their content."""

    @abstractmethod
    def chunks(self, symbol: str, date: dt.date, schema: str) -> Iterator[npt.NDArray[np.void]]:
        """The session's records. Raises DataError (`missing`) if there are none, or a file is damaged."""

    # ------------------------------------------------------------ what it may say
    @property
    def quarantined(self) -> tuple[Quarantined, ...]:
        """Files that are left out, with rule and reason."""
        return ()

    def dataset(self, symbol: str, date: dt.date, schema: str) -> str:  # noqa: ARG002 - for those that have several
        """Code of the dataset that the session is read from; SYNTHETIC... marks what never happened."""
        return ""

    def daily(self, symbol: str) -> npt.NDArray[np.void]:  # noqa: ARG002 - made of minutes where there are none
        """DAILY_BAR by date, raw prices; sessions that are left out are made of their records."""
        return np.zeros(0, DAILY_BAR)

    # ------------------------------------------------------------ what follows
    @property
    def folder(self) -> Path:
        """Where the files were looked for."""
        return self._folder

    @property
    def fingerprint(self) -> str:
        """Hash of what makes records of files, beside them: parameters, and code that is not the project's."""
        return text_hash(outside_code(type(self).chunks), json_hash(self.params))

    def name_of(self, path: Path) -> str:
        """The file's name below the data folder."""
        return path.relative_to(self._folder).as_posix() if path.is_relative_to(self._folder) else path.name

    def missing(self, symbol: str, date: dt.date, schema: str) -> DataError:
        """The most helpful error for a request without files."""
        if symbol not in self.symbols():
            return self.unknown_symbol(symbol)
        there = sorted(self.schemas(symbol, date))
        if there:
            return DataError(
                f"{symbol} has no {schema} on {date}, only {', '.join(there)}",
                rule=RULES["missing-schema"].name,
                where=shown(self._folder),
                near=there,
                fix=f"download {schema} for {date} into that folder, or change data.schema_priority",
            )
        near = sorted(self.covered(symbol, SOURCES), key=lambda d: abs((d - date).days))[:3]
        hidden = self._hidden(date)
        return DataError(
            f"{symbol} has no data on {date}" + (f"; {hidden}" if hidden else ""),
            rule=RULES["no-data"].name,
            where=shown(self._folder),
            near=[str(d) for d in near],
            fix="choose one of the dates above" if near else "download mbp-1 or trades of that date into that folder",
        )

    def _hidden(self, date: dt.date) -> str:
        """A left-out file whose name holds the date, which may be what is missing."""
        names = [q.path.name for q in self.quarantined if f"{date:%Y%m%d}" in q.path.name or str(date) in q.path.name]
        return f"left out as damaged: {', '.join(names)}" if names else ""

    def unknown_symbol(self, symbol: str) -> DataError:
        """The error for a symbol that no file holds."""
        known: Sequence[str] = self.symbols()
        near = nearest(symbol, known)
        few = known if len(known) <= 12 else []
        return DataError(
            f"no file holds the symbol {symbol}",
            rule=RULES["unknown-symbol"].name,
            where=shown(self._folder),
            near=near or few,
            fix=f"use {near[0]}" if near else "download its files into that folder",
        )


P = TypeVar("P", bound=type[DataProvider])
PROVIDERS: Registry[type[DataProvider]] = Registry("data provider", "data.providers", "data.provider")


def data_provider(name: str) -> Callable[[P], P]:
    """Register the decorated class under `name`; a name can be taken once."""

    def register(kind: P) -> P:
        PROVIDERS.add(name, kind, kind.__module__)
        return kind

    return register


def open_provider(config: DataConfig) -> DataProvider:
    """The provider that `data.provider` names, over `data.folder`. Raises ConfigError for a name or parameter."""
    kind = PROVIDERS.get(config.provider)
    parameters(f"data provider {config.provider!r}", kind.PARAMS, config.params, "data.params")
    return kind(Path(config.folder), config)
