"""Features that look ahead on purpose, one of each common mistake: an audit that misses one is worth nothing."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import numpy as np

from feature.registry import Feature, feature, soft, temporary_features
from utils.jit import njit

FAMILY = "planted"
_HALF_WINDOW = 5


def _planted(name: str, branch: str, formula: str, *inputs: str, scale: float) -> Feature:
    return Feature(
        name=name, branch=branch, family=FAMILY, formula=formula, inputs=inputs, units="1", normalise=soft(scale)
    )


@njit
def next_second_nb(log_mid, first, stop, out):
    """Reads one row ahead."""
    for t in range(first, stop):
        out[t] = log_mid[min(t + 1, out.shape[0] - 1)] - log_mid[t]


@njit
def highest_of_day_nb(volume, first, stop, out):
    """Divides by what is only known at 20:00."""
    most = volume.max()
    for t in range(first, stop):
        out[t] = volume[t] / most


@njit
def running_minute_nb(close, first, stop, out):
    """Shows the minute that still runs as if it were complete."""
    for m in range(first, stop):
        out[m] = close[min(60 * m + 119, close.shape[0] - 1)] / close[60 * m + 59] - 1.0


@njit
def standardised_nb(x, first, stop, out):
    """Normalises with the day's own mean and standard deviation."""
    mean, deviation = np.mean(x[:stop]), np.std(x[:stop])
    for t in range(first, stop):
        out[t] = (x[t] - mean) / deviation


@njit
def centred_mean_nb(x, first, stop, out):
    """A window of which half lies ahead."""
    for t in range(first, stop):
        begin, end = max(t - _HALF_WINDOW, 0), min(t + _HALF_WINDOW + 1, x.shape[0])
        out[t] = np.mean(x[begin:end])


PLANTED = (
    (_planted("planted_next_second", "hf", "ln(mid[t+1] / mid[t])", "log_mid", scale=1e-4), next_second_nb),
    (_planted("planted_day_maximum", "static", "volume / most of the day", "bar.volume", scale=1.0), highest_of_day_nb),
    (_planted("planted_running_minute", "mf", "close[m+1] / close[m] - 1", "bar.close", scale=1e-3), running_minute_nb),
    (_planted("planted_day_deviation", "static", "(x - mean) / s of the day", "move", scale=1.0), standardised_nb),
    (_planted("planted_centred_window", "hf", "mean of x[t-5..t+5]", "bar.close", scale=10.0), centred_mean_nb),
)
NAMES = frozenset(declared.name for declared, _ in PLANTED)


@contextmanager
def planted_features() -> Generator[None]:
    """The registry has them inside the block."""
    with temporary_features():
        for declared, kernel in PLANTED:
            feature(declared)(kernel)
        yield
