"""Halts as the exchange reports them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data.layout import BLOCKING_ACTIONS, HALT, HaltKind, StatusAction, StatusReason

_NEWS = (StatusReason.NEWS_PENDING, StatusReason.NEWS_DISSEMINATION, StatusReason.NEWS_AND_RESUMPTION)


class ReportedHalts(NamedTuple):
    """The same halts twice: as they were, and as one could know of them."""

    halts: npt.NDArray[np.void]  # HALT [k], by the exchange's time
    known: npt.NDArray[np.int64]  # [k, 2] when start and end were learned (ts_recv)


def halt_kind(reason: int) -> HaltKind:
    """Kind of halt by the reason code of the status record that began it."""
    if reason == StatusReason.LULD_PAUSE:
        return HaltKind.LULD
    if reason in _NEWS:
        return HaltKind.NEWS
    return HaltKind.UNKNOWN if reason == StatusReason.NONE else HaltKind.OTHER


def reported_halts(status: npt.NDArray[np.void] | None, end_ns: int) -> ReportedHalts:
    """Intervals from a blocking action to the next TRADING action, by order of arrival.

    status: WIRE_STATUS records of one symbol and day, None where there is no such schema. A halt that is still on at
    `end_ns` (the end of the day) ends there. Quoting before a resumption does not end a halt. The flags `is_trading`
    and so on are not used: `~` there means unknown, not no.
    """
    rows: list[tuple[int, int, int, int]] = []
    known: list[tuple[int, int]] = []
    began: tuple[int, int, HaltKind] | None = None
    for record in () if status is None else status[np.argsort(status["ts_recv"], kind="stable")]:
        learned, action = int(record["ts_recv"]), int(record["action"])
        happened = min(int(record["ts_event"]), learned)
        kind = halt_kind(int(record["reason"]))
        if action in BLOCKING_ACTIONS:
            if began is None:
                began = happened, learned, kind
            elif began[2] == HaltKind.UNKNOWN:
                began = began[0], began[1], kind
        elif action == StatusAction.TRADING and began is not None:
            rows.append((began[0], happened, began[2], 0))
            known.append((began[1], learned))
            began = None
    if began is not None:
        rows.append((began[0], end_ns, began[2], 0))
        known.append((began[1], end_ns + 1))
    return ReportedHalts(np.array(rows, HALT), np.array(known, np.int64).reshape(-1, 2))
