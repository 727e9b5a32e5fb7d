"""`MarketDay` -> `FeatureDay`: every registered feature of a day, computed once and memory-mapped from then on."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash

from config.schema import FeatureConfig
from data.market_day import MarketDay
from feature.feature_day import BRANCHES, DAMAGE, FORMAT, FeatureDay
from feature.frame import Frame, rows_by
from feature.inputs import NUMBERS, Rows, day_number, parse
from feature.kernels import pack_nb
from feature.registry import FeatureSchema, Registered, select
from utils.atomic import remove_folder
from utils.hashing import code_hash, json_hash, text_hash
from utils.jit import outside_code
from utils.logger import get_logger
from utils.paths import path_part, shown
from utils.shared_store import SharedStore

log = get_logger(__name__)

ROWS = {"hf": Rows.SECOND, "mf": Rows.MINUTE, "lf": Rows.SESSION, "static": Rows.SECOND}
"""Rows by branch."""


class FeatureExtractor:
    """Builds and caches the features that a configuration selects. Picklable; one instance may serve many days."""

    def __init__(self, config: FeatureConfig, cache: Path, shared: SharedStore | None = None) -> None:
        """config: families and exclusions; cache: folder under which `features/` is kept.

        shared: where features of other machines are taken from, and this one's are put. Raises ConfigError for unknown
        families, features or inputs.
        """
        self._config = config
        self._cache = cache
        self._shared = shared
        self._select()

    def _select(self) -> None:
        entries = select(self._config)
        for entry in entries:
            for text in entry.feature.inputs:
                parse(text)
        self._entries = {b: tuple(r for r in entries if r.feature.branch == b) for b in BRANCHES}
        self.schema = FeatureSchema.of(entries)
        outside = {code: entry.kernel for entry in entries if (code := outside_code(entry.kernel))}
        self._code = text_hash(code_hash(), *sorted(outside))
        self._plugins = sorted({kernel.__module__ for kernel in outside.values()})

    def __getstate__(self) -> tuple[FeatureConfig, Path, SharedStore | None, list[str]]:
        return self._config, self._cache, self._shared, self._plugins

    def __setstate__(self, state: tuple[FeatureConfig, Path, SharedStore | None, list[str]]) -> None:
        self._config, self._cache, self._shared, self._plugins = state
        for module in self._plugins:  # a process that nobody told of them
            importlib.import_module(module)
        self._select()

    def build(self, day: MarketDay) -> FeatureDay:
        """The features of `day`, in memory."""
        frame = Frame(day)
        tables = {branch: self.branch(branch, frame).rows() for branch in BRANCHES}
        return FeatureDay(symbol=day.symbol, date=day.date.isoformat(), schema_hash=self.schema.hash, **tables)

    def branch(self, branch: str, frame: Frame) -> BranchTable:
        """The features of one branch over a frame."""
        return BranchTable(self._entries[branch], frame, ROWS[branch])

    def day(self, day: MarketDay) -> FeatureDay:
        """The features of `day`, memory-mapped from the cache; fetched, or built and stored, if they are not there.

        Other processes may be doing the same: what they stored meanwhile is used if it is whole.
        """
        folder = self.folder(day)
        damaged = folder.exists()
        if damaged and (stored := self._stored(folder)) is not None:
            return stored
        if damaged:
            remove_folder(folder)
        name, shared = folder.relative_to(self._cache).as_posix(), self._shared
        if shared is not None and shared.fetch(name, folder) and (stored := self._stored(folder)) is not None:
            return stored
        built = self.build(day)
        built.save(folder)
        if shared is not None:
            shared.put(name, folder)
        return self._stored(folder) or built

    def folder(self, day: MarketDay) -> Path:
        """Where `day`'s features are kept: changes with the day's content, the features and the kernels' code."""
        key = json_hash([FORMAT, day.key or content_key(day), self.schema.hash, self._code])
        return self._cache / "features" / path_part(day.symbol) / f"{day.date.isoformat()}-{key[:16]}"

    def _stored(self, folder: Path) -> FeatureDay | None:
        """What `folder` holds, None if that is nothing or damaged."""
        if not folder.exists():
            return None
        try:
            found = FeatureDay.open(folder)
        except DAMAGE as damage:
            log.warning("%s is damaged (%s); it is built again", shown(folder), damage)
            return None
        shapes = {branch: (ROWS[branch], size) for branch, size in self.schema.sizes.items()}
        if any(getattr(found, branch).shape != shape for branch, shape in shapes.items()):
            log.warning("%s has other shapes than its features; it is built again", shown(folder))
            return None
        return found


def content_key(day: MarketDay) -> str:
    """Hash of everything about `day` that a feature may read, for days that have no key of their own."""
    digest = xxhash.xxh3_128()
    for array in (day.bars, day.market, day.daily, day.clock_volume):
        digest.update(np.ascontiguousarray(array).tobytes())
    scalars = [day.symbol, day.date.isoformat(), *(day_number(day, name) for name in NUMBERS)]
    return json_hash([digest.hexdigest(), scalars])


class BranchTable:
    """One branch over a frame: raw columns in float64, normalised and turned into rows when asked for."""

    def __init__(self, entries: tuple[Registered, ...], frame: Frame, rows: Rows) -> None:
        self._frame, self._rows = frame, rows
        self._raw = np.empty((len(entries), rows))
        self._out = np.empty((rows, len(entries)), np.float32)
        self._shapes = np.array([r.feature.scaling.shape for r in entries], np.int64)
        self._scales = np.array([r.feature.scaling.scale for r in entries])
        self._ranges = np.array([(r.feature.low, r.feature.high) for r in entries])
        self._done = 0
        for column, (declared, kernel) in zip(self._raw, entries, strict=True):
            frame.add(kernel, (*map(frame.value, declared.inputs), *declared.params), rows, column)

    @property
    def raw(self) -> npt.NDArray[np.float64]:
        """[features, rows] before they are normalised; columns end where the frame does."""
        return self._raw

    def known(self, seconds: int) -> int:
        """How many rows rest on the day's first `seconds` alone."""
        return min(rows_by(self._rows, seconds), self._frame.rows(self._rows))

    def rows(self) -> npt.NDArray[np.float32]:
        """f32 [rows, features] as far as the frame is known; the same memory on every call."""
        stop = self._frame.rows(self._rows)
        pack_nb(self._raw, self._shapes, self._scales, self._ranges, self._done, stop, self._out)
        self._done = stop
        return self._out[:stop]
