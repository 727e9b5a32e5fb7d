"""Servers for this machine only: who may ask them, and how they are served."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, make_server

from metrics.dashboard.lifecycle import HOST

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOCAL = ("localhost", HOST)
"""Names by which a browser may call it: a page from elsewhere that points its name here is refused."""


class LocalOnly:
    """A WSGI application that answers only pages of its own: whoever calls it by another name is refused (403)."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        host, origin = environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN")
        foreign = origin is not None and origin.partition("://")[2] != host
        if foreign or host.partition(":")[0] not in LOCAL:
            start_response("403 Forbidden", [("Content-Type", "text/plain")])
            return [b"for pages of this machine only\n"]
        return self._app(environ, start_response)


def local_server(app: WSGIApplication, port: int) -> BaseWSGIServer:
    """A server of `app` on loopback, a thread for each question. OSError if the port is taken."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    return make_server(HOST, port, app, threaded=True)
