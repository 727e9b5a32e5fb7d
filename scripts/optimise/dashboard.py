"""Optuna's dashboard: this machine only, until Ctrl-C."""

from __future__ import annotations

from metrics.dashboard.lifecycle import HOST, PORTS, is_free
from metrics.dashboard.local import LocalOnly, local_server
from scripts.optimise.storages import open_storage
from scripts.output import out
from utils.errors import ConfigError


def serve(storage: str, port: int) -> None:
    """Serve it on `port`, or the next free one. Raises ConfigError if no port is free."""
    from optuna_dashboard import wsgi

    known = open_storage(storage)
    free = next((number for number in range(port, port + PORTS) if is_free(number)), None)
    if free is None:
        what = f"no port from {port} to {port + PORTS - 1} is free"
        raise ConfigError(what, where="--port", fix=f"--port {port + PORTS}")
    if free != port:
        out.print(f"port {port} is taken: the dashboard is on {free}")
    out.print(f"optuna-dashboard: http://{HOST}:{free} (Ctrl-C ends it)")
    local_server(LocalOnly(wsgi(known)), free).serve_forever()
