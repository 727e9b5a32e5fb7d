"""The feature arrays that the policy reads while it trains: rows are named by (day, minute), never copied per step."""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from data.layout import MINUTES, SECONDS
from feature.feature_day import BRANCHES, HF_WINDOW, LF_WINDOW, MF_WINDOW, FeatureDay
from utils.errors import DataError, ModelError
from utils.logger import get_logger

log = get_logger(__name__)

MINUTE_S = 60
"""Seconds of a block: the unit in which the market is encoded."""

SAMPLE_S = 37
"""Distance of sampled seconds: no divisor of a minute, so that every second of it occurs."""
SAMPLE_MINUTES = 7

Ints = npt.NDArray[np.int64]


class BranchSizes(NamedTuple):
    """Columns of each branch of the features."""

    hf: int
    mf: int
    lf: int
    static: int

    @classmethod
    def of(cls, day: FeatureDay) -> BranchSizes:
        """Those of a day."""
        return cls(*(int(getattr(day, branch).shape[1]) for branch in BRANCHES))


class Minutes(NamedTuple):
    """Encoder input of n distinct minutes."""

    hf: torch.Tensor  # [n, hf_context + 60, H]: the minute's seconds with the seconds before it in front
    mf: torch.Tensor  # [n, mf_context + 1, M]: completed minutes, the last one ends where the block begins
    static: torch.Tensor  # [n, 60, S]


class Windows(NamedTuple):
    """Encoder input of n decisions: what `FeatureDay.window` gives."""

    hf: torch.Tensor  # [n, 60, H]
    mf: torch.Tensor  # [n, 30, M]
    lf: torch.Tensor  # [n, 30, L]
    static: torch.Tensor  # [n, S]


class TensorStore:
    """Features of a bank of days, gathered into tensors on demand.

    The day arrays stay where they are (memory maps are shared by processes and may exceed the memory); only the
    blocks that a forward pass needs are copied. Rows in front of a day are zero and count as ordinary rows, as in
    `FeatureDay.window`, so nothing needs a mask at the start of a day.

    A store is named by `key`: modules are built from the name, so that no copy of the data is ever pickled with them.
    """

    def __init__(self, days: Sequence[FeatureDay]) -> None:
        """Raises ModelError if the days were built by different feature definitions or have wrong shapes."""
        if not days:
            raise ModelError("no feature days were given", fix="choose at least one day")
        self.names = [f"{day.symbol} {day.date}" for day in days]
        self.schema_hash = days[0].schema_hash
        self.sizes = BranchSizes.of(days[0])
        rows = (SECONDS, MINUTES, LF_WINDOW, SECONDS)
        for day, name in zip(days, self.names, strict=True):
            if day.schema_hash != self.schema_hash:
                raise ModelError(
                    f"{name} was built by feature definitions {day.schema_hash}, {self.names[0]} by {self.schema_hash}",
                    fix="build the features of all days again",
                )
            for branch, count, size in zip(BRANCHES, rows, self.sizes, strict=True):
                shape = getattr(day, branch).shape
                if shape != (count, size):
                    raise ModelError(f"{branch} of {name} has shape {shape}, expected {(count, size)}")
        self._days = tuple(days)
        # np.asarray drops np.memmap's subclass, whose slicing is ten times slower
        self._hf = [np.asarray(day.hf) for day in days]
        self._mf = [np.asarray(day.mf) for day in days]
        self._static = [np.asarray(day.static) for day in days]
        self._lf = np.stack([np.asarray(day.lf, dtype=np.float32) for day in days])
        bad = np.argwhere(~np.isfinite(self._lf))
        if len(bad):
            raise _not_finite(f"lf[{bad[0, 2]}]", self.names[bad[0, 0]], 0)
        self.key = f"store-{next(_numbers)}"
        _stores[self.key] = self

    def __len__(self) -> int:
        return len(self.names)

    def minutes(self, day: Ints, minute: Ints, hf_context: int, mf_context: int) -> Minutes:
        """Blocks of the given minutes, [n] each; the contexts are rows in front of what is encoded."""
        n = len(day)
        hf = np.zeros((n, hf_context + MINUTE_S, self.sizes.hf), np.float32)
        mf = np.zeros((n, mf_context + 1, self.sizes.mf), np.float32)
        static = np.empty((n, MINUTE_S, self.sizes.static), np.float32)
        for i, (d, m) in enumerate(zip(day.tolist(), minute.tolist(), strict=True)):
            start = m * MINUTE_S
            _fill_back(hf[i], self._hf[d], start + MINUTE_S)
            _fill_back(mf[i], self._mf[d], m)
            static[i] = self._static[d][start : start + MINUTE_S]
        return Minutes(torch.from_numpy(hf), torch.from_numpy(mf), torch.from_numpy(static))

    def windows(self, day: Ints, second: Ints) -> Windows:
        """What is observed at the end of the given seconds, [n] each."""
        rows = [self._days[d].window(s) for d, s in zip(day.tolist(), second.tolist(), strict=True)]
        return Windows(*(torch.from_numpy(np.stack([row[branch] for row in rows])) for branch in Windows._fields))

    def sample(self) -> dict[str, npt.NDArray[np.float32]]:
        """Rows of every day at fixed distances, by branch: enough to tell how each feature is distributed."""
        return {
            "hf": np.concatenate([table[::SAMPLE_S] for table in self._hf]),
            "mf": np.concatenate([table[::SAMPLE_MINUTES] for table in self._mf]),
            "lf": np.concatenate(list(self._lf)),
            "static": np.concatenate([table[::SAMPLE_S] for table in self._static]),
        }

    def daily(self, day: Ints) -> torch.Tensor:
        """Daily rows [n, 30, L] of the given days."""
        return torch.from_numpy(self._lf[day])

    def require_finite(self, day: Ints, minute: Ints, blocks: Minutes) -> None:
        """Raise DataError naming the first block with a NaN or an infinity: it would poison the weights."""
        for branch, values in zip(Minutes._fields, blocks, strict=True):
            # where the sum is finite all terms are, and it is had much faster than a look at each
            if math.isfinite(values.sum()):
                continue
            bad = ~torch.isfinite(values).all(-1).all(-1)
            if bad.any():
                at = int(bad.nonzero()[0, 0])
                column = int((~torch.isfinite(values[at])).any(0).nonzero()[0, 0])
                raise _not_finite(f"{branch}[{column}]", self.names[int(day[at])], int(minute[at]) * MINUTE_S)


class ResidentStore(TensorStore):
    """The same days as dense tensors on a device: blocks are gathered there, and only their numbers go to it.

    Every value is checked once, when the days are loaded.
    """

    def __init__(self, days: Sequence[FeatureDay], device: torch.device) -> None:
        """Raises DataError naming the first value that is not finite, and ModelError as `TensorStore`."""
        super().__init__(days)
        self._device = device
        self._seconds = self._padded("hf", HF_WINDOW)
        self._minutes = self._padded("mf", MF_WINDOW)
        self._now = self._padded("static", 0)
        self._daily = torch.from_numpy(self._lf).to(device)

    def minutes(self, day: Ints, minute: Ints, hf_context: int, mf_context: int) -> Minutes:
        """As `TensorStore.minutes`, on the device."""
        at = torch.from_numpy(np.stack([day, minute])).to(self._device, non_blocking=True)
        second = at[1] * MINUTE_S
        return Minutes(
            self._rows(self._seconds, at[0], HF_WINDOW + second - hf_context, hf_context + MINUTE_S),
            self._rows(self._minutes, at[0], MF_WINDOW + at[1] - 1 - mf_context, mf_context + 1),
            self._rows(self._now, at[0], second, MINUTE_S),
        )

    def daily(self, day: Ints) -> torch.Tensor:
        """As `TensorStore.daily`, on the device."""
        return self._daily[torch.from_numpy(day).to(self._device, non_blocking=True)]

    def require_finite(self, day: Ints, minute: Ints, blocks: Minutes) -> None:
        """Nothing: the days were checked when they were loaded."""

    def _padded(self, branch: str, front: int) -> torch.Tensor:
        """[days, front + rows, columns]: zeros in front of each day, as before its first row."""
        tables = [getattr(day, branch) for day in self._days]
        padded = torch.zeros(len(tables), front + len(tables[0]), tables[0].shape[1], device=self._device)
        for table, name, out in zip(tables, self.names, padded, strict=True):
            bad = np.argwhere(~np.isfinite(table))
            if len(bad):
                row, column = bad[0].tolist()
                raise _not_finite(f"{branch}[{column}]", name, (row + 1) * (SECONDS // len(table)) - 1)
            out[front:].copy_(torch.from_numpy(np.array(table, np.float32)))
        return padded

    @staticmethod
    def _rows(table: torch.Tensor, day: torch.Tensor, first: torch.Tensor, count: int) -> torch.Tensor:
        """Rows [n, count, columns] from row `first` [n] of `day` [n] on."""
        row = (day * table.shape[1] + first)[:, None] + torch.arange(count, device=table.device)
        return table.flatten(0, 1).index_select(0, row.flatten()).view(*row.shape, -1)


def open_store(days: Sequence[FeatureDay], device: torch.device, limit_bytes: int) -> TensorStore:
    """The store for a policy on `device`: held there unless that is the CPU or takes more than `limit_bytes`."""
    if device.type == "cpu":
        return TensorStore(days)
    wanted = sum(getattr(day, branch).nbytes for day in days for branch in BRANCHES)
    if wanted > limit_bytes:
        log.warning(
            "features of %d days need %.1f GB on %s, more than training.resident_mb allows: they stay on the host",
            len(days),
            wanted / 1e9,
            device,
        )
        return TensorStore(days)
    return ResidentStore(days, device)


def _not_finite(feature: str, day: str, second: int) -> DataError:
    return DataError(
        f"feature {feature} of {day} is not finite around second {second}",
        rule="finite_features",
        fix="delete the day's features from the cache and build them again",
    )


def _fill_back(out: npt.NDArray[np.float32], table: npt.NDArray[np.float32], stop: int) -> None:
    """The last len(out) rows of `table` before row `stop`; rows before row 0 are left as they are."""
    have = min(stop, len(out))
    if have:
        out[len(out) - have :] = table[stop - have : stop]


_numbers = itertools.count()
_stores: weakref.WeakValueDictionary[str, TensorStore] = weakref.WeakValueDictionary()


def find_store(key: str) -> TensorStore:
    """The living store of that name; ModelError if whoever made it let it go."""
    store = _stores.get(key)
    if store is None:
        raise ModelError(f"feature store {key} is gone", fix="keep a reference to the TensorStore while modules use it")
    return store
