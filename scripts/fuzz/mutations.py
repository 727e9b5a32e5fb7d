"""Mutations of bytes, as fuzzers do them: bits, numbers at their limits, cut, doubled, spliced, sizes and all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Draw = np.random.Generator
Mutation = Callable[[bytearray, Draw, Sequence[bytes]], None]

LIMITS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
MOST = 4
"""Mutations of one input."""
PIECE = 64
"""Bytes that are moved, doubled or thrown away at once, at most."""


def flip_bit(data: bytearray, draw: Draw, _: Sequence[bytes]) -> None:
    """One bit."""
    at = int(draw.integers(len(data)))
    data[at] ^= 1 << int(draw.integers(8))


def _any_byte(data: bytearray, draw: Draw, _: Sequence[bytes]) -> None:
    data[int(draw.integers(len(data)))] = int(draw.integers(256))


def _limit(data: bytearray, draw: Draw, _: Sequence[bytes]) -> None:
    """A number at a limit of its width, little-endian."""
    width = int(draw.choice([1, 2, 4, 8]))
    at = int(draw.integers(max(1, len(data) - width)))
    number = LIMITS[int(draw.integers(len(LIMITS)))] % 256**width
    data[at : at + width] = number.to_bytes(width, "little")


def _piece(data: bytearray, draw: Draw) -> slice:
    at = int(draw.integers(len(data)))
    return slice(at, at + int(draw.integers(1, PIECE + 1)))


def _cut(data: bytearray, draw: Draw, _: Sequence[bytes]) -> None:
    del data[int(draw.integers(len(data))) :]


def _drop(data: bytearray, draw: Draw, _: Sequence[bytes]) -> None:
    del data[_piece(data, draw)]


def _double(data: bytearray, draw: Draw, _: Sequence[bytes]) -> None:
    piece = _piece(data, draw)
    data[piece.start : piece.start] = data[piece]


def _clear(data: bytearray, draw: Draw, _: Sequence[bytes]) -> None:
    piece = _piece(data, draw)
    data[piece] = bytes(len(data[piece]))


def _insert(data: bytearray, draw: Draw, _: Sequence[bytes]) -> None:
    at = int(draw.integers(len(data) + 1))
    data[at:at] = draw.bytes(int(draw.integers(1, PIECE + 1)))


def _append(data: bytearray, draw: Draw, others: Sequence[bytes]) -> None:
    """Another whole input behind it, as of files that were concatenated."""
    data += others[int(draw.integers(len(others)))]


def _splice(data: bytearray, draw: Draw, others: Sequence[bytes]) -> None:
    """The head of this one, the tail of another."""
    other = others[int(draw.integers(len(others)))]
    at = int(draw.integers(min(len(data), len(other)) or 1))
    data[at:] = other[at:]


MUTATIONS: tuple[Mutation, ...] = (
    flip_bit,
    _any_byte,
    _limit,
    _limit,
    _cut,
    _drop,
    _double,
    _clear,
    _insert,
    _append,
    _splice,
)


def mutated(seed: bytes, draw: Draw, others: Sequence[bytes]) -> bytes:
    """One to `MOST` mutations of `seed`; others: inputs to take parts of."""
    data = bytearray(seed)
    for _ in range(int(draw.integers(1, MOST + 1))):
        if not data:
            break
        MUTATIONS[int(draw.integers(len(MUTATIONS)))](data, draw, others)
    return bytes(data)


def flipped(seed: bytes, draw: Draw) -> bytes:
    """One to `MOST` bits of `seed` turned over, never back."""
    data = bytearray(seed)
    for at in draw.choice(8 * len(data), int(draw.integers(1, MOST + 1)), replace=False):
        data[int(at) // 8] ^= 1 << int(at) % 8
    return bytes(data)
