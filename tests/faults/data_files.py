"""Damage to data files, drawn at random; what each rule does by itself is shown in tests/data."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import zstandard

from data.layout import WIRE
from data.validation import verify_file
from tests.data.dbn_files import at, provider_of, read, records, utc_file
from tests.faults.registry import Outcome, Setting, fault, promise
from utils.errors import DataError

GROUP = "Data files"
DATE = dt.date(2024, 6, 12)
EVENTS = 2000
FLIPS, CUTS = 100, 20
"""So many for each try."""


def good(folder: Path) -> Path:
    """A file of one symbol with quotes and trades; beside it the same of another."""
    for number, symbol in ((1, "AAA"), (2, "BBB")):
        rows = [(number, at(DATE, 10 + n / 10)) for n in range(EVENTS)]
        content = records("mbp-1", rows)
        content["price"] += np.arange(EVENTS) * 10_000_000
        utc_file(folder / f"{symbol}.dbn.zst", "mbp-1", content, {symbol: number}, first=DATE)
    return folder / "AAA.dbn.zst"


def judged(folder: Path, whole: np.ndarray) -> str:
    """What becomes of AAA: the rule that leaves it out, "" if it reads as it was; BBB is read all the same."""
    provider = provider_of(folder)
    promise(len(read(provider, "BBB", DATE, "mbp-1")) == EVENTS, "the other file is lost too")
    left_out = [bad.rule for bad in provider.quarantined]
    if left_out:
        return left_out[0]
    try:
        found = read(provider, "AAA", DATE, "mbp-1")
    except DataError as why:
        promise("AAA.dbn.zst" in str(why), "the file is not named", str(why))
        return why.rule
    promise(np.array_equal(found, whole), "silently other data")
    return ""


def flipped(setting: Setting, path: Path) -> Iterator[None]:
    """The file with one bit flipped, FLIPS times for each try."""
    content = path.read_bytes()
    for number, place in enumerate(setting.chance.integers(len(content), size=FLIPS * setting.tries).tolist()):
        path.write_bytes(content[:place] + bytes([content[place] ^ (1 << number % 8)]) + content[place + 1 :])
        yield


@fault(GROUP, "bits flip in a file with a checksum", "one bit anywhere, again and again")
def flips(setting: Setting) -> Outcome:
    path = good(setting.folder / "data")
    whole = read(provider_of(path.parent), "AAA", DATE, "mbp-1")
    for _ in flipped(setting, path):
        judged(path.parent, whole)
    return Outcome(
        "left out by name and rule, or read as it was where the bit means nothing; never other data; the rest goes on",
        "the days of that file, until it is downloaded again",
        FLIPS * setting.tries,
    )


@fault(GROUP, "bits flip in a file without a checksum", "one bit anywhere, again and again")
def unchecked_flips(setting: Setting) -> Outcome:
    path = good(setting.folder / "data")
    content = zstandard.ZstdCompressor(write_checksum=False).compress(zstandard.decompress(path.read_bytes()))
    path.write_bytes(content)
    promise(verify_file(path).counts["no-checksum"] == 1, "the want of a checksum is not told")
    promise(len(read(provider_of(path.parent), "AAA", DATE, "mbp-1")) == EVENTS, "it is not read")
    for _ in flipped(setting, path):
        provider = provider_of(path.parent)
        promise(len(read(provider, "BBB", DATE, "mbp-1")) == EVENTS, "the other file is lost too")
        with contextlib.suppress(DataError):
            read(provider, "AAA", DATE, "mbp-1")
    return Outcome(
        "told as `no-checksum`; left out where the damage shows, else read as it stands: nothing could tell. "
        "`./fx download` adds a checksum to whatever it gets",
        "trust in that file",
        FLIPS * setting.tries,
    )


@fault(GROUP, "a file is cut", "at any byte, compressed and not")
def cuts(setting: Setting) -> Outcome:
    path = good(setting.folder / "data")
    content = path.read_bytes()
    forms = {path: content, path.with_suffix(""): zstandard.decompress(content)}
    path.unlink()
    for name, form in forms.items():
        for place in setting.chance.integers(1, len(form), CUTS * setting.tries).tolist():
            name.write_bytes(form[:place])
            promise(not verify_file(name).ok or _between_records(form, place, name), f"cut at {place}: nobody noticed")
            promise(len(read(provider_of(name.parent), "BBB", DATE, "mbp-1")) == EVENTS, "the other file is lost too")
        name.unlink()
    return Outcome(
        "left out by name and rule, the rest goes on; only an uncompressed file that is cut right behind a record "
        "cannot be told from a shorter one",
        "the days of that file, until it is downloaded again",
        2 * CUTS * setting.tries,
    )


def _between_records(plain: bytes, place: int, path: Path) -> bool:
    """Whether an uncompressed file is cut right behind a record."""
    head = int.from_bytes(plain[4:8], "little") + 8
    return path.suffix == ".dbn" and place >= head and (place - head) % WIRE["mbp-1"].itemsize == 0
