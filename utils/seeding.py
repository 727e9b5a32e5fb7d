"""Random streams: every one is seeded, named and independent of the others.

numpy code takes `stream(seed, "curriculum", lane)`. Kernels draw from a counter: the n-th draw of a lane is a
pure function of (key, n), so lanes never disturb each other and a lane's state is two integers.
"""

from __future__ import annotations

import hashlib

import numpy as np

from utils.jit import njit

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)


def key(seed: int, *names: str | int) -> int:
    """A 64-bit key for the stream of that name: the same for the same arguments, on every machine."""
    text = "/".join([str(int(seed)), *map(str, names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """The generator of that name."""
    return np.random.Generator(np.random.PCG64(key(seed, *names)))


@njit
def uniform_nb(lane_key, draw):
    """The `draw`-th uniform in (0, 1) of the stream `lane_key` (both uint64). SplitMix64's output function."""
    z = np.uint64(lane_key) + (np.uint64(draw) + np.uint64(1)) * _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * _MIX1
    z = (z ^ (z >> np.uint64(27))) * _MIX2
    z = z ^ (z >> np.uint64(31))
    return (np.float64(z >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@njit
def substream_nb(lane_key, number):
    """The key (uint64) of the `number`-th stream below `lane_key`, e.g. of a lane's n-th order."""
    z = np.uint64(lane_key) ^ (np.uint64(number) + np.uint64(1)) * _MIX1
    z = (z ^ (z >> np.uint64(32))) * _GOLDEN
    z = (z ^ (z >> np.uint64(29))) * _MIX2
    return z ^ (z >> np.uint64(32))


@njit
def normal_nb(lane_key, draw):
    """A standard normal by Box-Muller from draws `draw` and `draw + 1`."""
    u = uniform_nb(lane_key, draw)
    v = uniform_nb(lane_key, np.uint64(draw) + np.uint64(1))
    return np.sqrt(-2.0 * np.log(u)) * np.cos(2.0 * np.pi * v)
