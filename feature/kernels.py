"""Operators of input expressions, and the normalisation. All causal: entry t uses entries <= t only, and is bitwise the
same whatever follows it, computed at once or row by row. Arrays are float64 [n] unless said otherwise. Sums of shares
are exact in float64.
"""

from __future__ import annotations

import numpy as np

from feature.inputs import operator
from feature.registry import LIMIT, NEUTRAL, Shape
from utils.jit import njit

_SOFT, _LOG = int(Shape.SOFT), int(Shape.LOG)
_HUGE = 1e6  # beyond it `soft` is at its limit; keeps the square finite
_FLUSH = 1e-200  # averages of a long silence end in zero, not in denormals (100 x slower)
_ROUNDING = 1e-9  # relative; mids of equal books differ in the last digit
_BLOCK = 128  # rows per tile of the transposition: in and out stay in the first-level cache


@operator("total", extra=1)
@njit
def total_nb(x, first, stop, out):
    """[n + 1] sums of x[:t]; the sum over the window (t - w, t] is total[t + 1] - total[t + 1 - w]."""
    so_far = out[first]
    for t in range(first, stop):
        so_far += x[t]
        out[t + 1] = so_far


@njit
def window_sum_nb(total, t, window):
    """Sum over the last `window` entries up to and including t, fewer at the start."""
    return total[t + 1] - total[max(t + 1 - window, 0)]


@njit
def window_mean_nb(total, t, window):
    """Mean over the last `window` entries up to and including t, fewer at the start."""
    return window_sum_nb(total, t, window) / min(t + 1, window)


@njit
def decay_nb(halflife):
    """Factor per entry of an exponential average with that half-life (in entries)."""
    return 0.5 ** (1.0 / halflife)


@njit
def flush_nb(x):
    """0 for values too small to matter."""
    return x if abs(x) > _FLUSH else 0.0


@operator("ema")
@njit
def ema_nb(x, halflife, first, stop, out):
    """Exponential mean by half-life in rows, seeded with the first entry (pandas: adjust=False); finite x only."""
    keep = decay_nb(halflife)
    mean = out[first - 1] if first > 0 else x[0]
    for t in range(first, stop):
        mean = flush_nb(x[t] + keep * (mean - x[t]))
        out[t] = mean


@operator("ema_span")
@njit
def ema_span_nb(x, span, first, stop, out):
    """Exponential mean of a price as charts draw it: alpha = 2 / (span + 1), seeded with the first finite value."""
    alpha = 2.0 / (span + 1.0)
    for t in range(first, stop):
        mean = out[t - 1] if t > 0 else np.nan
        out[t] = x[t] if np.isnan(mean) else mean + alpha * (x[t] - mean)


@operator("highest")
@njit
def highest_nb(x, window, first, stop, out):
    """Largest of the last `window` entries; see `rolling_extreme_nb`."""
    rolling_extreme_nb(x, window, 1.0, first, stop, out)


@operator("lowest")
@njit
def lowest_nb(x, window, first, stop, out):
    """Smallest of the last `window` entries."""
    rolling_extreme_nb(x, window, -1.0, first, stop, out)


@njit
def rolling_extreme_nb(x, window, sign, first, stop, out):
    """Largest (sign 1) or smallest (sign -1) of the last `window` entries: monotone queue, O(1) per entry.

    NaN entries are skipped; NaN where the window holds nothing else.
    """
    begin = max(first - window + 1, 0)
    queue = np.empty(stop - begin, np.int64)  # indices; their values fall from head to tail
    head = tail = 0
    for t in range(begin, stop):
        if not np.isnan(x[t]):
            while tail > head and sign * x[queue[tail - 1]] <= sign * x[t]:
                tail -= 1
            queue[tail] = t
            tail += 1
        if tail > head and queue[head] <= t - window:
            head += 1
        if t >= first:
            out[t] = x[queue[head]] if tail > head else np.nan


@operator("highest_so_far")
@njit
def highest_so_far_nb(x, first, stop, out):
    """Largest so far; see `cumulative_extreme_nb`."""
    cumulative_extreme_nb(x, 1.0, first, stop, out)


@operator("lowest_so_far")
@njit
def lowest_so_far_nb(x, first, stop, out):
    """Smallest so far."""
    cumulative_extreme_nb(x, -1.0, first, stop, out)


@njit
def cumulative_extreme_nb(x, sign, first, stop, out):
    """Largest (sign 1) or smallest (sign -1) so far; NaN entries are skipped, NaN before the first other."""
    for t in range(first, stop):
        best = out[t - 1] if t > 0 else np.nan
        out[t] = x[t] if np.isnan(best) or sign * x[t] > sign * best else best


@njit
def position_nb(x, low, high):
    """Where x lies in [low, high]: -1 to 1; NaN where the range is no more than rounding."""
    return 2.0 * (x - low) / (high - low) - 1.0 if high - low > _ROUNDING * high else np.nan


@njit
def finite_nb(x):
    """x where it is finite, NEUTRAL elsewhere, bounded so that its square is finite."""
    return min(max(x, -_HUGE), _HUGE) if x - x == 0.0 else NEUTRAL


@njit
def normalise_nb(x, shape, scale, out):
    """Raw values -> within [-LIMIT, LIMIT], NEUTRAL where they are not finite. One loop per shape: they vectorise."""
    if shape == _SOFT:
        for i in range(x.shape[0]):
            y = finite_nb(x[i] / scale)
            out[i] = y / np.sqrt(1.0 + y * y * (1.0 / LIMIT**2))
    elif shape == _LOG:
        before, size = 0.0, 0.0
        for i in range(x.shape[0]):
            y = finite_nb(x[i] / scale)
            if y != before:  # logarithms cost more than all else, and most seconds bring nothing new
                size, before = min(np.log(1.0 + abs(y)), LIMIT), y
            out[i] = np.copysign(size, y)
    else:
        for i in range(x.shape[0]):
            out[i] = min(max(finite_nb(x[i] / scale), -LIMIT), LIMIT)


@njit
def pack_nb(raw, shapes, scales, ranges, first, stop, out):
    """Normalise and transpose: raw f64 [columns, rows] -> out f32 [rows, columns].

    shapes i8, scales f64 [columns]. ranges f64 [columns, 2]: prices that contradict each other, such as a close above
    the high, lead no value out of its range.
    """
    columns = raw.shape[0]
    tile = np.empty(_BLOCK)
    for start in range(first, stop, _BLOCK):
        count = min(_BLOCK, stop - start)
        for j in range(columns):
            normalise_nb(raw[j, start : start + count], shapes[j], scales[j], tile)
            low, high = ranges[j, 0], ranges[j, 1]
            for i in range(count):
                out[start + i, j] = min(max(tile[i], low), high)


@njit
def transpose_nb(table):
    """f64 [rows, columns] -> contiguous columns [columns, rows]."""
    rows, columns = table.shape
    out = np.empty((columns, rows))
    for start in range(0, rows, _BLOCK):
        stop = min(start + _BLOCK, rows)
        for j in range(columns):
            for t in range(start, stop):
                out[j, t] = table[t, j]
    return out
