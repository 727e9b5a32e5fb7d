"""Starts, finds and ends the dashboard's server, a process of its own. Imports nothing heavy: training calls it.

A server is ours if GET /health says so; it also tells its version and the folder of runs that it shows, so that a
training finds the one that will show it.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from utils.errors import ConfigError
from utils.paths import ROOT, shown

NAME, VERSION = "fxai-dashboard", "3"
"""What /health says; VERSION is raised when a server of before cannot serve the pages or read the stores of now."""
HOST = "127.0.0.1"
"""It listens to this machine only."""
PORTS = 20
"""So many, from the configured one on, are looked at."""
ASK_S, STEP_S = 0.5, 0.05
LOG = "dashboard.log"
"""Beside the runs: what the server says."""


class Server(NamedTuple):
    """One of ours that answers."""

    port: int
    pid: int
    version: str
    runs: str
    """Folder that it shows, absolute."""
    plugins: tuple[str, ...]
    """Modules with pages of the user's own that it has."""

    @property
    def address(self) -> str:
        """For people."""
        return address(self.port)

    def shows(self, runs: Path, plugins: Sequence[str] = ()) -> bool:
        """Whether it is of this version and shows that folder, with the pages of those modules."""
        return self.version == VERSION and self.runs == str(runs.resolve()) and set(plugins) <= set(self.plugins)


class Started(NamedTuple):
    """A server that was found or started."""

    address: str
    port: int
    reused: bool
    said: str
    """In words, if the configured port was taken; else empty."""
    process: subprocess.Popen[bytes] | None
    """None if it was running already."""


def address(port: int) -> str:
    """Where a browser finds it."""
    return f"http://localhost:{port}"


def ask(port: int) -> Server | None:
    """Our server on that port; None if nothing answers there, or something else."""
    connection = http.client.HTTPConnection(HOST, port, timeout=ASK_S)
    try:
        connection.request("GET", "/health")
        told = json.loads(connection.getresponse().read(4096))
        if told["name"] != NAME:
            return None
        plugins = tuple(map(str, told.get("plugins", ())))
        return Server(port, int(told["pid"]), str(told["version"]), str(told["runs"]), plugins)
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()


def is_free(port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def ours(port: int) -> list[Server]:
    """Our servers on `port` and those after it."""
    candidates = (number for number in range(port, port + PORTS) if not is_free(number))
    return [server for number in candidates if (server := ask(number)) is not None]


def start(runs: Path, port: int, plugins: Sequence[str] = ()) -> Started:
    """The server of `runs`: the one that is running, else a new one on the first free port from `port` on.

    plugins: modules with pages of the user's own. Does not wait for a new one. Raises ConfigError if no port is free;
    OSError if no process can be made.
    """
    runs.mkdir(parents=True, exist_ok=True)
    chosen, taken = None, ""
    for number in range(port, port + PORTS):
        if is_free(number):
            chosen = number if chosen is None else chosen
            if number == port:
                break
            continue
        server = ask(number)
        if server is not None and server.shows(runs, plugins):
            return Started(server.address, number, True, "", None)
        if number == port:
            taken = f"port {port} is taken by {_whose(server, runs)}"
    if chosen is None:
        fix = f"dashboard.port={port + PORTS}, or ./fx killport"
        raise ConfigError(f"no port from {port} to {port + PORTS - 1} is free", where="dashboard.port", fix=fix)
    said = f"{taken}: the dashboard is on {chosen}" if taken else ""
    return Started(address(chosen), chosen, False, said, _spawn(runs, chosen, plugins))


def wait(started: Started, seconds: float) -> Server:
    """The server once it answers. Raises ConfigError if it ends or does not answer in that time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        server = ask(started.port)
        if server is not None:
            return server
        if started.process is not None and started.process.poll() is not None:
            break
        time.sleep(STEP_S)
    raise ConfigError("the dashboard did not start", where=started.address, fix=f"its last words are in {LOG}")


def stop(port: int, seconds: float) -> Server:
    """End our server on that port. Raises ConfigError if there is none, or if it does not end in that time."""
    server = ask(port)
    if server is None:
        others = [f"./fx killport {found.port}" for found in ours(port)]
        what = f"nothing listens on port {port}" if is_free(port) else f"port {port} is not held by our dashboard"
        raise ConfigError(what, where=address(port), near=others, fix=others[0] if others else "nothing is to be done")
    os.kill(server.pid, signal.SIGTERM)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if is_free(port):
            return server
        time.sleep(STEP_S)
    raise ConfigError(f"the dashboard on port {port} does not end", where=f"process {server.pid}")


def _whose(server: Server | None, runs: Path) -> str:
    if server is None:
        return "another program"
    if server.version != VERSION:
        return f"a dashboard of another version (./fx killport {server.port} ends it)"
    without = " without these pages of your own" if server.shows(runs) else ""
    return f"the dashboard of {shown(server.runs)}{without} (./fx killport {server.port} ends it)"


def _spawn(runs: Path, port: int, plugins: Sequence[str]) -> subprocess.Popen[bytes]:
    """A process of its own: neither Ctrl-C here nor the end of this program ends it."""
    command = [sys.executable, "-m", "metrics.dashboard.server", str(runs.resolve()), str(port), *plugins]
    with (runs / LOG).open("ab") as words:
        return subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=words, stderr=words, start_new_session=True
        )
