"""The server is found, started and ended by its name; whoever else has the port keeps it."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from metrics.dashboard import lifecycle
from scripts import dashboard
from tests.support.configs import load_config
from utils.errors import EXIT_USER_ERROR, ConfigError

START_S, STOP_S = 60.0, 10.0


def free_port() -> int:
    """The first of three in a row that nobody has."""
    for port in range(21_000, 60_000, 97):
        if all(lifecycle.is_free(port + i) for i in range(3)):
            return port
    raise OSError("no port is free")


@pytest.fixture
def port() -> Iterator[int]:
    port = free_port()
    yield port
    for server in lifecycle.ours(port):
        os.kill(server.pid, signal.SIGKILL)


class Other(http.server.BaseHTTPRequestHandler):
    """Another program, which has a /health too."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"name": "something else", "pid": 1, "version": "1", "runs": "/"}).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base names it
        """Nothing."""


@pytest.mark.slow
def test_one_server_a_folder_found_again_and_ended(
    port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"runs={tmp_path}", f"dashboard.port={port}"]
    assert dashboard.main(["start", *words]) == 0
    told = capsys.readouterr().out
    assert f"started: http://localhost:{port}" in told
    server = lifecycle.ask(port)
    assert server is not None
    assert server.shows(tmp_path)
    assert server.pid != os.getpid()
    assert os.getpgid(server.pid) != os.getpgid(0)  # Ctrl-C here does not end it
    again = lifecycle.start(tmp_path, port)
    assert (again.reused, again.port, again.process) == (True, port, None)
    assert not server.shows(tmp_path / "other")

    assert _status(port, "/live", {"Host": f"localhost:{port}"}) == 200
    assert _status(port, "/health", {"Host": "evil.example"}) == 403
    assert _status(port, "/health", {"Host": f"localhost:{port}", "Origin": "http://evil.example"}) == 403
    with pytest.raises(ConnectionRefusedError):  # it listens to this machine only
        socket.create_connection((_own_address(), port), timeout=5)

    capsys.readouterr()
    assert dashboard.main(["stop", str(port)]) == 0
    assert "ended the dashboard" in capsys.readouterr().out
    assert lifecycle.ask(port) is None
    assert dashboard.main(["stop", str(port)]) == EXIT_USER_ERROR
    assert "nothing listens" in capsys.readouterr().err


def _status(port: int, path: str, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection(lifecycle.HOST, port, timeout=20)
    connection.request("GET", path, headers=headers)
    return connection.getresponse().status


def _own_address() -> str:
    """Another of this machine's addresses: 127.0.0.2 is one on Linux, whatever networks there are."""
    return "127.0.0.2"


@pytest.mark.slow
def test_another_program_keeps_its_port(port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with http.server.HTTPServer((lifecycle.HOST, port), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        assert lifecycle.ask(port) is None
        started = lifecycle.start(tmp_path, port)
        assert started.port == port + 1
        assert started.said == f"port {port} is taken by another program: the dashboard is on {port + 1}"
        assert lifecycle.wait(started, START_S).port == port + 1
        assert dashboard.main(["stop", str(port)]) == EXIT_USER_ERROR
        told = capsys.readouterr().err
        assert "not held by our dashboard" in told
        assert f"./fx killport {port + 1}" in told
        assert lifecycle.stop(port + 1, STOP_S).port == port + 1
        other.shutdown()


def test_a_server_that_cannot_start_says_where_its_words_are(tmp_path: Path, port: int) -> None:
    with socket.socket() as taken:
        started = lifecycle.start(tmp_path, port)
        assert started.process is not None
        started.process.kill()
        with pytest.raises(ConfigError, match="did not start"):
            lifecycle.wait(started, START_S)
        taken.close()


def test_nothing_is_started_where_nobody_looks(tmp_path: Path, port: int) -> None:
    for enabled in ("auto", "never"):
        config = load_config("quick", [f"runs={tmp_path}", f"dashboard.port={port}", f"dashboard.enabled={enabled}"])
        dashboard.show_run(config)
    assert lifecycle.ours(port) == []
    assert lifecycle.is_free(port)


def test_mistakes_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert dashboard.main(["start", "now"]) == EXIT_USER_ERROR
    assert dashboard.main(["stop", "all"]) == EXIT_USER_ERROR
    assert dashboard.main(["start", "dashboard.port=80"]) == EXIT_USER_ERROR
    told = capsys.readouterr().err
    assert "'now'" in told
    assert "'all' is no port" in told
    assert "use 1024 to 65535" in told
