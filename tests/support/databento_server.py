"""A server on loopback that speaks the part of Databento's historical API that downloads need, over a folder of files.

It answers the official client: prices, conditions, streamed ranges, batch jobs with files that can be resumed. `faults`
makes the next answers go wrong in the ways that real servers do.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import json
import ssl
import subprocess
import threading
from collections import defaultdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlparse

import numpy as np
import zstandard

from data.calendar import utc_date, utc_midnight_ns
from data.catalog import Verdicts, scan
from data.dbn_stream import file_records, gathered, time_field
from data.dbn_writer import encode_dbn
from data.layout import WIRE

KEY = "db-not-a-real-key-0123456789"
USD_A_RECORD = 0.001
DAY_NS = 86_400 * 10**9


class Fault(NamedTuple):
    """What goes wrong once: a status with headers, or "cut" (the connection ends in the midst), or "flip" (a bit)."""

    kind: int | str
    headers: tuple[tuple[str, str], ...] = ()


class Market:
    """Records of a folder, by schema, symbol and time."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._catalog = scan(folder, Verdicts(scratch / "verdicts.json"))
        self._held: dict[int, np.ndarray] = {}
        self.dataset = self._catalog.files[0].dataset

    @property
    def symbols(self) -> list[str]:
        return self._catalog.symbols

    def records(self, schema: str, symbol: str, start: int, end: int) -> np.ndarray:
        """Those of a symbol within [start, end)."""
        parts: list[np.ndarray] = []
        for row in self._catalog.rows(symbol):
            info = self._catalog.files[row["file"]]
            if info.schema != schema or info.end_ns <= start or info.start_ns >= end:
                continue
            if row["file"] not in self._held:
                self._held[row["file"]] = gathered(iter([chunk.copy() for chunk in file_records(info)]), schema)
            records = self._held[row["file"]]
            times = records[time_field(schema)].astype(np.int64)
            parts.append(records[(records["instrument_id"] == row["id"]) & (times >= start) & (times < end)])
        return np.concatenate(parts) if parts else np.zeros(0, WIRE[schema])

    def numbers(self, symbol: str, first: dt.date, end: dt.date) -> list[tuple[dt.date, dt.date, int]]:
        """Instrument ids by date: (first, end, id) within [first, end)."""
        held = {
            (max(int(row["first"]), first.toordinal()), min(int(row["end"]), end.toordinal()), int(row["id"]))
            for row in self._catalog.rows(symbol)
        }
        dates = dt.date.fromordinal
        return [(dates(since), dates(until), number) for since, until, number in sorted(held) if since < until]

    def file(self, schema: str, symbols: list[str], start: int, end: int) -> bytes:
        """A .dbn.zst of them, merged by time."""
        records = np.concatenate([self.records(schema, symbol, start, end) for symbol in symbols])
        records = records[np.argsort(records[time_field(schema)], kind="stable")]
        first, last = utc_date(start), utc_date(end - 1) + dt.timedelta(days=1)
        mapped = {symbol: found for symbol in symbols if (found := self.numbers(symbol, first, last))}
        return encode_dbn(schema, records, dataset=self.dataset, symbols=mapped, start_ns=start, end_ns=end)


def as_streamed(content: bytes) -> bytes:
    """The same data without checksum and length, as a stream may come."""
    plain = zstandard.ZstdDecompressor().decompress(content)
    return zstandard.ZstdCompressor(write_checksum=False, write_content_size=False).compress(plain)


class DatabentoServer:
    """Runs on a thread of its own within a with block; `url` is the gateway."""

    def __init__(self, market: Market, scratch: Path) -> None:
        """scratch: an empty folder for its certificate."""
        self.market = market
        self.faults: defaultdict[str, list[Fault]] = defaultdict(list)
        """By end of the path, e.g. "get_range": used up in order."""
        self.missing: set[dt.date] = set()
        self.degraded: set[dt.date] = set()
        self.asked: list[tuple[str, dict[str, str]]] = []
        """(method, arguments) of every request."""
        self.jobs: dict[str, dict[str, bytes]] = {}
        self.job_name, self.file_name = "JOB-", "test-"
        """What its jobs and their files are called, up to a number or a date."""
        self.slow_jobs = 0
        """How many looks at a job still find it queued."""
        handler = type("Handler", (_Handler,), {"server_": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.certificate, private = _certificate(scratch)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, private)
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._http.server_port}"

    def overrides(self, folder: Path) -> list[str]:
        """Words for downloads from here, everything below `folder`."""
        return [
            f"data.folder='{folder / 'dnb'}'",
            f"data.cache='{folder / 'cache'}'",
            f"download.gateway={self.url}",
            f"download.dataset={self.market.dataset}",
            "download.wait_s=0.01",
            "download.poll_s=0.01",
            "download.history_sessions=1",
            "download.budget_usd=10000",
        ]

    def count(self, method: str) -> int:
        """How often a method was asked."""
        return sum(name.endswith(method) for name, _ in self.asked)

    def __enter__(self) -> DatabentoServer:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of its own for loopback, and its key: the official client insists on TLS."""
    certificate, private = folder / "certificate.pem", folder / "private.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(private), "-out", str(certificate)]
    subprocess.run(["openssl", *words.split(), *more], check=True, capture_output=True)
    return certificate, private


class _Handler(BaseHTTPRequestHandler):
    server_: DatabentoServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the library
        """Quiet."""

    def do_GET(self) -> None:
        url = urlparse(self.path)
        self._answer(url.path, {name: values[0] for name, values in parse_qs(url.query).items()})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self._answer(urlparse(self.path).path, {name: values[0] for name, values in parse_qs(body).items()})

    def _answer(self, path: str, told: dict[str, str]) -> None:
        server = self.server_
        method = path.removeprefix("/v0/")
        server.asked.append((method, told))
        queue = next((faults for end, faults in server.faults.items() if faults and end in method), [])
        fault = queue.pop(0) if queue else None
        given = base64.b64encode(f"{KEY}:".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {given}":
            return self._refuse(HTTPStatus.UNAUTHORIZED, "auth_authentication_failed", "Authentication failed.")
        if fault is not None and isinstance(fault.kind, int):
            return self._refuse(fault.kind, "test_fault", "It went wrong.", fault.headers)
        if method.startswith("batch/download/"):
            _, _, job, name = method.split("/", 3)
            return self._send(server.jobs[job][name], fault, ranged=True)
        return getattr(self, "_" + method.replace(".", "_"))(told, fault)

    # ------------------------------------------------------------ methods
    def _metadata_get_cost(self, told: dict[str, str], _: Fault | None) -> None:
        schema, symbols, start, end = self._request(told)
        count = sum(len(self.server_.market.records(schema, symbol, start, end)) for symbol in symbols)
        self._json(count * USD_A_RECORD)

    def _metadata_get_dataset_condition(self, told: dict[str, str], _: Fault | None) -> None:
        day, last = (dt.date.fromisoformat(told[name]) for name in ("start_date", "end_date"))
        rows: list[dict[str, str]] = []
        while day <= last:
            state = "missing" if day in self.server_.missing else "degraded"
            state = state if day in self.server_.missing | self.server_.degraded else "available"
            rows.append({"date": day.isoformat(), "condition": state, "last_modified_date": day.isoformat()})
            day += dt.timedelta(days=1)
        self._json(rows)

    def _timeseries_get_range(self, told: dict[str, str], fault: Fault | None) -> None:
        schema, symbols, start, end = self._request(told)
        if not any(symbol in self.server_.market.symbols for symbol in symbols):
            text = "None of the symbols could be resolved"
            return self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, "symbology_invalid_request", text)
        return self._send(as_streamed(self.server_.market.file(schema, symbols, start, end)), fault)

    def _batch_submit_job(self, told: dict[str, str], _: Fault | None) -> None:
        schema, symbols, start, end = self._request(told)
        job, files = f"{self.server_.job_name}{len(self.server_.jobs)}", {"metadata.json": b"{}"}
        for symbol in symbols:
            for day in range(start // DAY_NS, -(-end // DAY_NS)):
                span = max(start, day * DAY_NS), min(end, (day + 1) * DAY_NS)
                date = utc_date(utc_midnight_ns(dt.date(1970, 1, 1)) + day * DAY_NS)
                name = f"{self.server_.file_name}{date:%Y%m%d}.{schema}.{symbol}.dbn.zst"
                files[name] = self.server_.market.file(schema, [symbol], *span)
        self.server_.jobs[job] = files
        self._json({"id": job, "state": "queued"})

    def _batch_get_job_details(self, told: dict[str, str], _: Fault | None) -> None:
        queued = self.server_.slow_jobs > 0
        self.server_.slow_jobs -= int(queued)
        self._json({"id": told["job_id"], "state": "queued" if queued else "done"})

    def _batch_list_files(self, told: dict[str, str], _: Fault | None) -> None:
        job = told["job_id"]
        self._json(
            [
                {
                    "filename": name,
                    "size": len(content),
                    "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
                    "urls": {"https": f"{self.server_.url}/v0/batch/download/{job}/{name}"},
                }
                for name, content in self.server_.jobs[job].items()
            ]
        )

    def _request(self, told: dict[str, str]) -> tuple[str, list[str], int, int]:
        symbols = told["symbols"].split(",")
        symbols = self.server_.market.symbols if symbols == ["ALL_SYMBOLS"] else symbols
        return told["schema"], symbols, int(told["start"]), int(told["end"])

    # ------------------------------------------------------------ answers
    def _json(self, value: Any) -> None:
        self._send(json.dumps(value).encode(), None)

    def _refuse(self, status: int, case: str, text: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        detail = {"detail": {"case": case, "message": text, "docs": "", "status_code": int(status)}}
        self._send(json.dumps(detail).encode(), None, status=int(status), headers=headers)

    def _send(
        self,
        content: bytes,
        fault: Fault | None,
        *,
        status: int = 200,
        headers: tuple[tuple[str, str], ...] = (),
        ranged: bool = False,
    ) -> None:
        if ranged and (span := self.headers.get("Range")):
            content, status = content[int(span.removeprefix("bytes=").split("-")[0]) :], 206
        if fault is not None and fault.kind == "flip":
            middle = len(content) // 2
            content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if fault is not None and fault.kind == "cut":
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            self.connection.close()
            return
        with contextlib.suppress(OSError):  # the client may have been killed
            self.wfile.write(content)
