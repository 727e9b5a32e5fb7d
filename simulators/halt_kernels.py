"""Halts and short-sale restriction per second, as far as they are known by its end."""

from __future__ import annotations

import numpy as np

from data.layout import SECOND_NS, SECONDS, Bar, HaltKind, Market
from utils.jit import njit


@njit
def reported_halt_nb(state, end, known, kinds):
    """Follow the reported halts: `known` i64 [k, 2], the times at which start and end were learned, in order.

    kinds i64 [m, 2]: (learned at, HaltKind), as the reason may come after the halt.
    """
    while state["next_kind"] < len(kinds) and kinds[state["next_kind"], 0] < end:
        state["halt_kind"] = kinds[state["next_kind"], 1]
        state["next_kind"] += 1
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
def _trigger_nb(bars, rules, until):
    """First second before `until` with a regular-hours trade at or below the trigger; `until` if there is none."""
    for second in range(rules["open_s"], min(rules["close_s"], until)):
        if bars[second, Bar.LOW] <= rules["short_trigger"] and bars[second, Bar.HAS_TRADE] > 0.0:
            return second
    return until


@njit
def short_sale_nb(bars, market, told, rules):
    """Fill `market[:, SSR]`: from a trigger to the end of the day, or all day if it was on the previous session.

    told i64 [k, 2]: (learned at, 0 or 1) as reported, in order. From the first report on they alone count: the
    exchange knows all trades, and which of them count.
    """
    seconds = np.full(len(told) + 1, SECONDS, np.int64)
    for i in range(len(told)):
        seconds[i] = min(max((told[i, 0] - rules["start_ns"]) // SECOND_NS, 0), SECONDS)
    begin = 0 if rules["restricted"] == 1 else _trigger_nb(bars, rules, seconds[0])
    market[begin : seconds[0], Market.SSR] = 1.0
    for i in range(len(told)):
        market[seconds[i] : seconds[i + 1], Market.SSR] = told[i, 1]
