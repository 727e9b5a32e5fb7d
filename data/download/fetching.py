"""Pieces become files of the data folder: each is fetched aside, checked, moved to its place and only then noted."""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, NamedTuple

from data.dbn_header import read_header
from data.download.gateway import Gateway, NothingThere
from data.download.ledger import Got, Job, Ledger
from data.download.plan import Piece, folder_of
from data.download.sealing import seal, sha256_of
from utils.atomic import named
from utils.errors import DataError
from utils.logger import get_logger
from utils.paths import shown

log = get_logger(__name__)

ASIDE = ".downloads"
"""Below the data folder, and hidden from whoever reads it: files that are not whole yet."""
MOST_SYMBOLS = 2000
"""Of one request, by the API."""
DONE, EXPIRED = "done", "expired"
DATA = ".dbn.zst"
NOBODY = "no-symbols"
"""The rule that a file breaks in which no symbol has an instrument: there was nobody to record."""


class Fetched(NamedTuple):
    """What became of a piece; no file: there was nothing."""

    piece: Piece
    file: Got | None


class Order(NamedTuple):
    """What one request asks for: a schema of some symbols."""

    schema: str
    symbols: tuple[str, ...]
    span: tuple[int, int]
    pieces: tuple[Piece, ...]


def by_request(pieces: Sequence[Piece]) -> list[Order]:
    """Pieces of the same schema and dates together, as many symbols as a request may have: to ask for prices."""
    groups: defaultdict[tuple[str, dt.date, dt.date], list[Piece]] = defaultdict(list)
    for piece in pieces:
        groups[piece.schema, piece.first, piece.last].append(piece)
    return [
        _order(group[i : i + MOST_SYMBOLS])
        for _, group in sorted(groups.items())
        for i in range(0, len(group), MOST_SYMBOLS)
    ]


def by_schema(pieces: Sequence[Piece]) -> list[Order]:
    """One order a schema and MOST_SYMBOLS symbols, over all dates between the first and the last: for batch jobs."""
    groups: defaultdict[str, list[Piece]] = defaultdict(list)
    for piece in pieces:
        groups[piece.schema].append(piece)
    orders: list[Order] = []
    for group in groups.values():
        symbols = sorted({piece.symbol for piece in group})
        for i in range(0, len(symbols), MOST_SYMBOLS):
            chosen = set(symbols[i : i + MOST_SYMBOLS])
            orders.append(_order([piece for piece in group if piece.symbol in chosen]))
    return orders


def _order(pieces: Sequence[Piece]) -> Order:
    spans = [piece.span for piece in pieces]
    symbols = tuple(sorted({piece.symbol for piece in pieces}))
    return Order(pieces[0].schema, symbols, (min(a for a, _ in spans), max(b for _, b in spans)), tuple(pieces))


# ---------------------------------------------------------------- streaming
def stream(gateway: Gateway, ledger: Ledger, pieces: Sequence[Piece], connections: int) -> Iterator[Fetched]:
    """Fetch the pieces, `connections` at once, in the order in which they come.

    What has begun is finished and kept also where a piece fails or Ctrl-C comes; nothing new is begun then.
    """
    with ThreadPoolExecutor(connections, "download") as pool:
        waiting: set[Future[Fetched]] = set()
        rest = iter(pieces)
        try:
            for piece in rest:
                waiting.add(pool.submit(_stream_one, gateway, ledger, piece))
                if len(waiting) > connections:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (each.result() for each in done)
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _stream_one(gateway: Gateway, ledger: Ledger, piece: Piece) -> Fetched:
    aside = ledger.folder / ASIDE / piece.path.replace("/", "_")
    aside.parent.mkdir(parents=True, exist_ok=True)
    try:
        with named(aside):
            gateway.stream(piece, aside)
            file = seal(aside, piece.path)
    except NothingThere as why:
        ledger.nothing(piece, str(why))
        return Fetched(piece, None)
    except DataError as why:
        if why.rule != NOBODY:
            raise
        ledger.nothing(piece, why.what)
        return Fetched(piece, None)
    finally_there(aside, ledger.folder / piece.path)
    ledger.got(piece, file)
    return Fetched(piece, file)


def finally_there(aside: Path, place: Path) -> None:
    """Move a whole file to where it belongs."""
    place.parent.mkdir(parents=True, exist_ok=True)
    aside.replace(place)


# ---------------------------------------------------------------- batch jobs
def order(gateway: Gateway, ledger: Ledger, orders: Sequence[Order]) -> list[Job]:
    """Submit the orders; noted at once, so that a job is never paid twice."""
    made: list[Job] = []
    for each in orders:
        job = Job(gateway.submit(each.schema, each.symbols, each.span), each.pieces)
        _refuse_elsewhere(job.name)
        ledger.submitted(job)
        log.info("job %s: %s of %d symbols", job.name, each.schema, len(each.symbols))
        made.append(job)
    return made


def collect(gateway: Gateway, ledger: Ledger, job: Job, poll_s: float) -> list[Got]:
    """Wait until a job is done and fetch its files. Raises DataError if it has expired or a file is damaged."""
    state = ""
    while (now := gateway.state(job.name)) != DONE:
        if now == EXPIRED:
            fix = f"delete its lines in {shown(ledger.folder / 'downloads.jsonl')}, then run the same command again"
            raise DataError(f"job {job.name} has expired: its files are gone from the server", fix=fix)
        if now != state:
            log.info("job %s is %s; asked again every %g s, Ctrl-C is safe", job.name, now, poll_s)
            state = now
        time.sleep(poll_s)
    aside = ledger.folder / ASIDE
    aside.mkdir(parents=True, exist_ok=True)
    files = [_collect_one(gateway, ledger, job, told, aside) for told in gateway.files(job.name)]
    got = [file for file in files if file is not None]
    ledger.finished(job, got)
    shutil.rmtree(aside / job.name, ignore_errors=True)
    return got


def _refuse_elsewhere(name: str) -> None:
    """Raise DataError for a name from the server that is none of a file below the folder it is meant for."""
    if name in (".", "..") or Path(name).name != name or not name.isprintable():
        raise DataError(f"the server names something that would lie elsewhere: {name!r}", fix="report it to Databento")


def _collect_one(gateway: Gateway, ledger: Ledger, job: Job, told: dict[str, Any], aside: Path) -> Got | None:
    """One file of a job at its place; None if it is none of data (the server adds its manifest)."""
    name = str(told["filename"])
    if not name.endswith(DATA):
        return None
    _refuse_elsewhere(name)
    path = gateway.fetch(job.name, name, aside)
    kind, _, digest = str(told["hash"]).partition(":")
    if kind == "sha256" and sha256_of(path) != digest:
        path.unlink()
        fix = "run the same command again: it is fetched once more"
        raise DataError(f"{name} is not what the server sent: its SHA-256 differs", rule="checksum", fix=fix)
    try:
        found = read_header(path, name)
    except DataError as why:
        if why.rule != NOBODY:
            raise
        return None  # a day on which none of the symbols was listed
    symbols = sorted({row[0] for row in found[1]}) if found else []
    folder = folder_of(symbols[0]) if len(symbols) == 1 else "batch/"
    file = seal(path, f"{folder}{name}")
    finally_there(path, ledger.folder / file.path)
    return file
