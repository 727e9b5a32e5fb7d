"""Rolling primitives and the normalisation, all causal: entry t uses entries <= t only, and is bitwise the same
whatever follows it. Arrays are float64 [n] unless said otherwise. Sums of shares are exact in float64.
"""

from __future__ import annotations

import numpy as np

from feature.registry import LIMIT, NEUTRAL, Shape
from utils.jit import njit

_SOFT, _LOG = int(Shape.SOFT), int(Shape.LOG)
_HUGE = 1e6  # beyond it `soft` is at its limit; keeps the square finite
_FLUSH = 1e-200  # averages of a long silence end in zero, not in denormals (100 x slower)
_ROUNDING = 1e-9  # relative; mids of equal books differ in the last digit
_BLOCK = 128  # rows per tile of the transposition: in and out stay in the first-level cache


@njit
def prefix_nb(x):
    """[n + 1] sums of x[:t]; the sum over the window (t - w, t] is prefix[t + 1] - prefix[t + 1 - w]."""
    out = np.empty(x.shape[0] + 1)
    total = 0.0
    out[0] = 0.0
    for t in range(x.shape[0]):
        total += x[t]
        out[t + 1] = total
    return out


@njit
def window_sum_nb(prefix, t, window):
    """Sum over the last `window` entries up to and including t, fewer at the start."""
    return prefix[t + 1] - prefix[max(t + 1 - window, 0)]


@njit
def window_mean_nb(prefix, t, window):
    """Mean over the last `window` entries up to and including t, fewer at the start."""
    return window_sum_nb(prefix, t, window) / min(t + 1, window)


@njit
def decay_nb(halflife):
    """Factor per entry of an exponential average with that half-life (in entries)."""
    return 0.5 ** (1.0 / halflife)


@njit
def flush_nb(x):
    """0 for values too small to matter."""
    return x if abs(x) > _FLUSH else 0.0


@njit
def ema_nb(x, decay):
    """Exponential mean, weights decay^k normalised by their sum (pandas `ewm(adjust=True)`); finite x only."""
    out = np.empty(x.shape[0])
    total = weight = 0.0
    for t in range(x.shape[0]):
        total = flush_nb(decay * total) + x[t]
        weight = decay * weight + 1.0
        out[t] = total / weight
    return out


@njit
def ema_seeded_nb(x, span):
    """Exponential mean of a price as charts draw it: alpha = 2 / (span + 1), seeded with the first finite value."""
    out = np.empty(x.shape[0])
    alpha = 2.0 / (span + 1.0)
    mean = np.nan
    for t in range(x.shape[0]):
        mean = x[t] if np.isnan(mean) else mean + alpha * (x[t] - mean)
        out[t] = mean
    return out


@njit
def rolling_extreme_nb(x, window, sign):
    """Largest (sign 1) or smallest (sign -1) of the last `window` entries: monotone queue, O(1) per entry.

    NaN entries are skipped; NaN where the window holds nothing else.
    """
    n = x.shape[0]
    out = np.empty(n)
    queue = np.empty(n, np.int64)  # indices; their values fall from head to tail
    head = tail = 0
    for t in range(n):
        if not np.isnan(x[t]):
            while tail > head and sign * x[queue[tail - 1]] <= sign * x[t]:
                tail -= 1
            queue[tail] = t
            tail += 1
        if tail > head and queue[head] <= t - window:
            head += 1
        out[t] = x[queue[head]] if tail > head else np.nan
    return out


@njit
def cumulative_extreme_nb(x, sign):
    """Largest (sign 1) or smallest (sign -1) so far; NaN entries are skipped, NaN before the first other."""
    out = np.empty(x.shape[0])
    best = np.nan
    for t in range(x.shape[0]):
        if np.isnan(best) or sign * x[t] > sign * best:
            best = x[t]
        out[t] = best
    return out


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
        for i in range(x.shape[0]):
            y = finite_nb(x[i] / scale)
            out[i] = np.copysign(min(np.log(1.0 + abs(y)), LIMIT), y)
    else:
        for i in range(x.shape[0]):
            out[i] = min(max(finite_nb(x[i] / scale), -LIMIT), LIMIT)


@njit
def pack_nb(raw, shapes, scales, out):
    """Normalise and transpose: raw f64 [columns, rows] -> out f32 [rows, columns]. shapes i8, scales f64 [columns]."""
    columns, rows = raw.shape
    tile = np.empty(_BLOCK)
    for start in range(0, rows, _BLOCK):
        count = min(_BLOCK, rows - start)
        for j in range(columns):
            normalise_nb(raw[j, start : start + count], shapes[j], scales[j], tile)
            for i in range(count):
                out[start + i, j] = tile[i]


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
