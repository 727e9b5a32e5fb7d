"""Halts and short-sale restriction per second, as far as they are known by its end."""

from __future__ import annotations

import numpy as np

from data.layout import SECOND_NS, SECONDS, Bar, HaltKind
from utils.jit import njit


@njit
def _follow_nb(told, row, end):
    """How many rows of `told` (i64 [k, 2]: learned at, value) are known before `end`; `row` of them were already."""
    while row < len(told) and told[row, 0] < end:
        row += 1
    return row


@njit
def reported_halt_nb(state, end, known, kinds):
    """Follow the reported halts: `known` i64 [k, 2], the times at which start and end were learned, in order.

    kinds i64 [m, 2]: (learned at, HaltKind), as the reason may come after the halt.
    """
    state["next_kind"] = _follow_nb(kinds, state["next_kind"], end)
    if state["next_kind"] > 0:
        state["halt_kind"] = kinds[state["next_kind"] - 1, 1]
    state["halted"] = 0
    while state["next_halt"] < len(known):
        row = known[state["next_halt"]]
        if row[0] >= end:
            return
        state["halt_ns"] = row[0]
        if row[1] >= end:
            state["halted"] = 1
            return
        state["resume_ns"] = row[1]
        state["next_halt"] += 1


@njit
def silent_halt_nb(state, second, first_ns, rules, halts):
    """Begin or end an inferred halt; `first_ns` is the first event of the second, 0 if there was none."""
    if first_ns > 0:
        if state["halted"] == 1:
            halts[state["halt_count"] - 1]["end_ns"] = first_ns
            state["resume_ns"] = first_ns
            state["halted"] = 0
            state["touch_s"] = -1  # the next pause needs a touch of its own
        return
    regular = rules["open_s"] <= second < rules["close_s"]
    if state["halted"] == 1 or not regular or state["event_ns"] == 0:
        return
    open_ns = rules["start_ns"] + rules["open_s"] * SECOND_NS
    since = max(state["event_ns"], open_ns)
    if rules["start_ns"] + (second + 1) * SECOND_NS - since < rules["halt_gap_s"] * SECOND_NS:
        return
    silent_s = (since - rules["start_ns"]) // SECOND_NS
    if rules["luld"] == 1 and (state["touch_s"] < 0 or state["touch_s"] < silent_s - rules["touch_s"]):
        return
    row = halts[state["halt_count"]]
    row["start_ns"] = since
    row["end_ns"] = rules["start_ns"] + SECONDS * SECOND_NS
    row["kind"] = np.int32(HaltKind.LULD if rules["luld"] == 1 else HaltKind.UNKNOWN)
    row["inferred"] = 1
    state["halt_count"] += 1
    state["halted"] = 1
    state["halt_ns"] = since
    state["halt_kind"] = row["kind"]


@njit
def short_sale_nb(state, second, end, bar, rules, told):
    """Rule 201: `state["restricted"]` from a regular-hours trade at or below the trigger on, to the end of the day.

    told i64 [k, 2]: (learned at, 0 or 1) as reported, which counts more than our reckoning: the exchange knows all
    trades and which of them count.
    """
    state["next_short"] = _follow_nb(told, state["next_short"], end)
    if state["next_short"] > 0:
        state["restricted"] = told[state["next_short"] - 1, 1]
        return
    traded = rules["open_s"] <= second < rules["close_s"] and bar[Bar.HAS_TRADE] > 0.0
    if traded and bar[Bar.LOW] <= rules["short_trigger"]:
        state["restricted"] = 1
