"""The dashboard's server: `python -m metrics.dashboard.server RUNS PORT [MODULE ...]`; lifecycle.py starts it.

Dash gives the shell and the pages; figures travel by one route, POST /news: the browser says what it has (sequence
numbers by table) and is answered as soon as there is more, with at most HOLD_S of silence. It reads the stores of runs
and writes nothing, but for the lane that a reader asks a run to follow; replays are made by processes of their own.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import flask
from dash import Dash, Input, Output

from config.plugins import import_plugins
from metrics.dashboard.day import candles_text
from metrics.dashboard.lifecycle import NAME, VERSION
from metrics.dashboard.local import LocalOnly, local_server
from metrics.dashboard.news import HOLD_S, News, Question
from metrics.dashboard.page import pages
from metrics.dashboard.replaying import add_replays
from metrics.dashboard.shell import INDEX, page_body, shell
from metrics.dashboard.static import add_files
from metrics.run_store import RunStore
from metrics.runs import run_below
from metrics.store_schema import STEP_TABLES
from utils.errors import FxError
from utils.logger import get_logger

log = get_logger(__name__)


def make_app(runs: Path, plugins: Sequence[str] = ()) -> Dash:
    """The dashboard of the runs below `runs`; plugins: modules with further pages, of the user's own.

    Raises ConfigError for a module that is not there.
    """
    import_plugins(plugins)
    app = Dash(
        "fxai",
        title="FxAI",
        update_title="",
        assets_ignore=".*",
        serve_locally=True,
        suppress_callback_exceptions=True,
        include_assets_files=False,
        compress=False,
    )
    app.index_string = INDEX
    app.layout = shell
    app.callback(Output("page", "children"), Input("where", "pathname"))(page_body)
    app.clientside_callback(
        "function (n) { window.fx && window.fx.beat(); return window.dash_clientside.no_update; }",
        Output("beat", "data"),
        Input("tick", "n_intervals"),
    )
    app.clientside_callback(
        "function (name) { window.fx && window.fx.pick(name); return window.dash_clientside.no_update; }",
        Output("beat", "data", allow_duplicate=True),
        Input("run", "value"),
        prevent_initial_call=True,
    )
    _routes(app.server, runs.resolve(), plugins)
    return app


def _routes(server: flask.Flask, runs: Path, plugins: Sequence[str]) -> None:
    news = News(runs)
    server.wsgi_app = LocalOnly(server.wsgi_app)
    server.after_request(_say_no_outside)
    add_files(server)
    add_replays(server, runs)

    @server.get("/health")
    def health() -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        told = {"name": NAME, "version": VERSION, "pid": os.getpid()}
        return {**told, "runs": str(runs), "plugins": list(plugins)}

    @server.post("/news")
    def tell() -> flask.Response:  # pyright: ignore[reportUnusedFunction]
        told = news.answer(Question.of(flask.request.get_json()), HOLD_S)
        if told is None:
            return flask.Response(status=204)
        return flask.Response(json.dumps(told, allow_nan=False, separators=(",", ":")), mimetype="application/json")

    @server.post("/follow/<run>/<int:lane>")
    def follow(run: str, lane: int) -> flask.Response:  # pyright: ignore[reportUnusedFunction]
        with RunStore(run_below(runs, run)) as store:
            store.follow(lane)
        return flask.Response(status=204)

    @server.get("/candles/<run>/<symbol>/<date>")
    def candles(run: str, symbol: str, date: str) -> flask.Response:  # pyright: ignore[reportUnusedFunction]
        with RunStore(run_below(runs, run)) as store:
            text = candles_text(store, symbol, date)
        if text is None:  # it may be followed later
            return flask.Response(status=204, headers={"Cache-Control": "no-store"})
        return flask.Response(text, mimetype="text/plain", headers={"Cache-Control": "private, max-age=3600"})

    @server.get("/csv/<run>/<table>.csv")
    def csv(run: str, table: str) -> flask.Response:  # pyright: ignore[reportUnusedFunction]
        if table not in STEP_TABLES:
            flask.abort(404)
        with RunStore(run_below(runs, run)) as store:
            rows = store.trades() if table == "trades" else store.tail(table, limit=1_000_000)
        told = {"Content-Disposition": f'attachment; filename="{Path(run).name}-{table}.csv"'}
        return flask.Response(rows.write_csv(), mimetype="text/csv", headers=told)

    @server.errorhandler(FxError)
    def refuse(why: FxError) -> tuple[dict[str, str], int]:  # pyright: ignore[reportUnusedFunction]
        return {"what": why.what, "fix": why.fix}, 404

    @server.errorhandler(sqlite3.Error)
    def unreadable(why: sqlite3.Error) -> tuple[dict[str, str], int]:  # pyright: ignore[reportUnusedFunction]
        return {"what": f"the run's store cannot be read: {why}", "fix": "look again in a moment"}, 503


def _say_no_outside(response: flask.Response) -> flask.Response:
    """The browser itself refuses whatever would be asked of anyone else."""
    response.headers["Content-Security-Policy"] = (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'"
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def serve(runs: Path, port: int, plugins: Sequence[str]) -> None:
    """Serve until SIGTERM or SIGINT. OSError if the port is taken."""
    app = make_app(runs, plugins)
    pages()
    server = local_server(app.server, port)

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signal wants it
        log.info("%s: ended by %s", time.strftime("%F %T"), signal.Signals(number).name)
        os._exit(0)  # nothing is half-written: it only reads

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    log.info("%s: port %d, runs below %s", time.strftime("%F %T"), port, runs)
    server.serve_forever()


if __name__ == "__main__":
    logging.basicConfig(level="INFO", format="%(message)s")
    serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
