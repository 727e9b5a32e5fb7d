"""Databento's historical API by its own client: its errors in words with a fix, and patience where that helps."""

from __future__ import annotations

import datetime as dt
import errno
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from config.schema import DownloadConfig
from data.download.plan import Piece
from utils.errors import ConfigError, DataError
from utils.logger import get_logger

log = get_logger(__name__)

KEY = "DATABENTO_API_KEY"
PORTAL = "https://databento.com/portal/keys"
TOO_MANY = 429
REFUSED = {
    401: ("Databento does not know the key", f"take a valid one from {PORTAL} and export {KEY}=..."),
    402: ("Databento wants payment details first", "see https://databento.com/portal/billing"),
    403: ("the key is not allowed to have this", "see the licences of the dataset in Databento's portal"),
}
NOT_FOUND, UNPROCESSABLE = 404, 422
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)
"""Refusals of our own disk: to ask again would pay again."""
NOTHING = ("symbology", "data_no_data_found")
"""How the cases of a 422 begin that mean: understood, but there is nothing (an unknown symbol, a day without data)."""
T = TypeVar("T")


class NothingThere(Exception):  # noqa: N818 - an answer, not a failure
    """The server has nothing for a piece."""


class Gateway:
    """One connection's worth of requests; safe to share between threads."""

    def __init__(self, config: DownloadConfig) -> None:
        """Raises ConfigError if the environment has no key."""
        from databento import Historical

        key = os.environ.get(KEY, "").strip()
        if not key:
            fix = f"take one from {PORTAL}, then: export {KEY}=db-..."
            raise ConfigError("there is no key for Databento", where=f"the environment variable {KEY}", fix=fix)
        self._config = config
        self._client = Historical(key, config.gateway) if config.gateway else Historical(key)

    # ------------------------------------------------------------ what it costs
    def cost(self, schema: str, symbols: Sequence[str], span: tuple[int, int]) -> float:
        """Dollars for records of [start, end) UTC ns; 0 where there is nothing."""
        ask = self._client.metadata.get_cost
        try:
            return float(self._ask("the price", ask, **self._request(schema, symbols, span)))
        except NothingThere:
            return 0.0

    def conditions(self, first: dt.date, last: dt.date) -> dict[dt.date, str]:
        """What the server says of each UTC date: available, degraded, pending or missing."""
        ask = self._client.metadata.get_dataset_condition
        told = self._ask("conditions", ask, dataset=self._config.dataset, start_date=first, end_date=last)
        return {dt.date.fromisoformat(str(row["date"])): str(row["condition"]) for row in told}

    # ------------------------------------------------------------ streaming
    def stream(self, piece: Piece, path: Path) -> None:
        """Write the piece to `path`. Raises NothingThere, or DataError if the server fails for good."""

        def fetch(**request: Any) -> None:
            path.unlink(missing_ok=True)  # what a broken try left: the client insists on a new file
            self._client.timeseries.get_range(path=path, **request)

        self._ask(piece.text, fetch, **self._request(piece.schema, [piece.symbol], piece.span))

    # ------------------------------------------------------------ batch jobs
    def submit(self, schema: str, symbols: Sequence[str], span: tuple[int, int]) -> str:
        """Order a job, one file a symbol and UTC date; returns its name. It costs from here on."""
        more = {"encoding": "dbn", "compression": "zstd", "split_symbols": True, "split_duration": "day"}
        ask = self._client.batch.submit_job
        # a try that was cut may have been heard all the same: a second one would be paid twice
        return self._ask("the job", ask, tries=1, **self._request(schema, symbols, span), **more)["id"]

    def state(self, job: str) -> str:
        """queued, processing, done or expired."""
        return self._ask(f"job {job}", self._client.batch.get_job_details, job_id=job)["state"]

    def files(self, job: str) -> list[dict[str, Any]]:
        """Of a job that is done: filename, size, hash."""
        return self._ask(f"files of job {job}", self._client.batch.list_files, job_id=job)

    def fetch(self, job: str, name: str, folder: Path) -> Path:
        """One file of a job into `folder/job`; bytes that are there already are not sent again."""
        ask = self._client.batch.download
        return self._ask(name, ask, job_id=job, filename_to_download=name, output_dir=folder)[0]

    # ------------------------------------------------------------ asking
    def _request(self, schema: str, symbols: Sequence[str], span: tuple[int, int]) -> dict[str, Any]:
        start, end = span
        return {
            "dataset": self._config.dataset,
            "schema": schema,
            "symbols": list(symbols),
            "start": start,
            "end": end,
            "stype_in": "raw_symbol",
        }

    def _ask(self, what: str, call: Callable[..., T], *, tries: int = 0, **arguments: Any) -> T:
        """The answer; asked again where waiting may help. Raises FxError, or NothingThere."""
        import requests
        from databento.common.error import BentoError

        tries = tries or self._config.tries
        for turn in range(1, tries + 1):
            try:
                return call(**arguments)
            except (BentoError, requests.RequestException) as why:
                wait = self._wait(why, turn, what)
                if turn == tries:
                    raise DataError(
                        f"{what}: no luck in {tries} tries: {_words(why)}",
                        where=self._client.gateway,
                        fix="run the same command again: what is here already is kept",
                    ) from None
                log.warning("%s: %s; once more in %.3g s (%d of %d)", what, _words(why), wait, turn, tries - 1)
                time.sleep(wait)
        raise AssertionError("unreachable")

    def _wait(self, why: Exception, turn: int, what: str) -> float:
        """Seconds until the next try. Raises where none would help."""
        cause = why.__context__  # the client tells what the disk says as if the server had said it
        if isinstance(cause, OSError) and cause.errno in DISK:
            raise cause from None
        status = getattr(why, "http_status", None)
        if status in REFUSED:
            told, fix = REFUSED[status]
            raise ConfigError(f"{told}: {_words(why)}", where=self._client.gateway, fix=fix) from None
        if status == NOT_FOUND or (status == UNPROCESSABLE and _case(why).startswith(NOTHING)):
            raise NothingThere(_words(why)) from None
        if status == TOO_MANY:
            return float(getattr(why, "headers", {}).get("Retry-After", self._config.wait_s))
        if status is not None and status // 100 == 4:
            fix = "check download.dataset, download.schemas and the dates"
            raise ConfigError(
                f"{what}: Databento refuses it: {_words(why)}", where=self._client.gateway, fix=fix
            ) from None
        return self._config.wait_s * 2 ** (turn - 1)


def _case(why: Exception) -> str:
    """The server's own name for what is wrong; empty if it gives none."""
    try:
        return str(getattr(why, "json_body")["detail"]["case"])  # noqa: B009 - requests' errors have none
    except (AttributeError, KeyError, TypeError):
        return ""


def _words(why: Exception) -> str:
    """An error on one line."""
    return " ".join(str(why).split()) or type(why).__name__
