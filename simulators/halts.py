"""Halts and short-sale restrictions as the exchange reports them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data.layout import BLOCKING_ACTIONS, HALT, HaltKind, StatusAction, StatusReason

_NEWS = (StatusReason.NEWS_PENDING, StatusReason.NEWS_DISSEMINATION, StatusReason.NEWS_AND_RESUMPTION)
_FLAGS = {b"Y": 1, b"N": 0}
"""Any other flag, above all `~`, means unknown."""


class Reported(NamedTuple):
    """What the status records of a day say: as it was, and as one could know of it (by ts_recv)."""

    halts: npt.NDArray[np.void]  # HALT [k], by the exchange's time
    known: npt.NDArray[np.int64]  # [k, 2] when their start and end were learned
    kinds: npt.NDArray[np.int64]  # [m, 2] (learned at, HaltKind): of every halt, and again where the reason came later
    short_sales: npt.NDArray[np.int64]  # [n, 2] (learned at, 1 restricted or 0 not)


class _Message(NamedTuple):
    """A status record, decoded."""

    happened: int
    learned: int
    action: int
    kind: HaltKind
    flag: bytes


def halt_kind(reason: int) -> HaltKind:
    """Kind of halt by the reason code of the status record that began it."""
    if reason == StatusReason.LULD_PAUSE:
        return HaltKind.LULD
    if reason in _NEWS:
        return HaltKind.NEWS
    return HaltKind.UNKNOWN if reason == StatusReason.NONE else HaltKind.OTHER


def reported(status: npt.NDArray[np.void] | None, end_ns: int) -> Reported:
    """Halts and short-sale changes of WIRE_STATUS records of one symbol and day; nothing where there are none.

    end_ns: the end of the day.
    """
    messages = [] if status is None else list(_by_arrival(status))
    halts, known, kinds = _halts(messages, end_ns)
    changes = [m for m in messages if m.action == StatusAction.SHORT_SALE_CHANGE and m.flag in _FLAGS]
    return Reported(
        np.array(halts, HALT), _pairs(known), _pairs(kinds), _pairs([(m.learned, _FLAGS[m.flag]) for m in changes])
    )


def _by_arrival(status: npt.NDArray[np.void]) -> Iterator[_Message]:
    for record in status[np.argsort(status["ts_recv"], kind="stable")]:
        event, learned = int(record["ts_event"]), int(record["ts_recv"])
        happened = event if 0 < event <= learned else learned  # also where it is undefined
        flag = bytes(record["is_short_sell_restricted"])
        yield _Message(happened, learned, int(record["action"]), halt_kind(int(record["reason"])), flag)


def _halts(
    messages: list[_Message], end_ns: int
) -> tuple[list[tuple[int, int, int, int]], list[tuple[int, int]], list[tuple[int, int]]]:
    """Intervals from a blocking action to the next TRADING action, by order of arrival: rows of HALT, known, kinds.

    A halt that is still on at `end_ns` ends there. Quoting before a resumption does not end a halt, nor does a pause
    that is extended begin another. The flag `is_trading` is not used: `~` there means unknown, not no. A message
    overtaken by a later one counts for nothing: a resumption from before the halt, a halt from before the resumption.
    """
    rows: list[tuple[int, int, int, int]] = []
    known: list[tuple[int, int]] = []
    kinds: list[tuple[int, int]] = []
    began: _Message | None = None
    resumed = 0
    for message in messages:
        if message.action in BLOCKING_ACTIONS and message.happened >= resumed:
            if began is None:
                began = message
            elif began.kind == HaltKind.UNKNOWN:
                began = began._replace(kind=message.kind)
            else:
                continue
            kinds.append((message.learned, message.kind))
        elif message.action == StatusAction.TRADING:
            resumed = max(resumed, message.happened)
            if began is not None and message.happened >= began.happened:
                rows.append((began.happened, message.happened, began.kind, 0))
                known.append((began.learned, message.learned))
                began = None
    if began is not None:
        rows.append((began.happened, end_ns, began.kind, 0))
        known.append((began.learned, end_ns + 1))
    return rows, known, kinds


def _pairs(rows: list[tuple[int, int]]) -> npt.NDArray[np.int64]:
    return np.array(rows, np.int64).reshape(-1, 2)
