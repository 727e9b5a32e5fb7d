"""Where in the day we are. Known in advance, so nothing here can look ahead."""

from __future__ import annotations

import numpy as np

from feature.registry import Feature, feature, identity, soft
from utils.jit import njit

_DAY_S = 57_600.0


@feature(
    *(
        Feature(
            name=name,
            branch="static",
            family="clock",
            formula=f"{function}(2 pi (t + 1) / 57,600)",
            inputs=(),
            params=(phase,),
            units="1",
            normalise=identity(),
            low=-1.0,
            high=1.0,
        )
        for name, function, phase in (("time_sin", "sin", 0.0), ("time_cos", "cos", 0.25))
    )
)
@njit
def time_nb(phase, first, stop, out):
    """A quarter turn makes the cosine."""
    for t in range(first, stop):
        out[t] = np.sin(2.0 * np.pi * ((t + 1.0) / _DAY_S + phase))


@feature(
    *(
        Feature(
            name=f"to_{name}",
            branch="static",
            family="clock",
            formula=f"seconds to the regular {name}, negative after it",
            inputs=(f"day.{name}_s",),
            units="s",
            normalise=soft(3600.0),
        )
        for name in ("open", "close")
    )
)
@njit
def until_nb(second, first, stop, out):
    """From the end of second t."""
    for t in range(first, stop):
        out[t] = second - (t + 1.0)


@feature(
    *(
        Feature(
            name=name,
            branch="static",
            family="clock",
            formula=f"1 from {first} to {last}",
            inputs=inputs,
            units="mask",
            normalise=identity(),
            low=0.0,
            high=1.0,
        )
        for name, first, last, inputs in (
            ("premarket", "04:00", "the regular open", ("day.first_s", "day.open_s")),
            ("regular", "the regular open", "the regular close", ("day.open_s", "day.close_s")),
            ("postmarket", "the regular close", "the end of the post-market", ("day.close_s", "day.end_s")),
        )
    )
)
@njit
def session_nb(begin, end, first, stop, out):
    """Of the next second: the one in which a decision taken now arrives."""
    for t in range(first, stop):
        out[t] = 1.0 if begin <= t + 1.0 < end else 0.0
