"""The dashboard on http://localhost:8051: `./fx dashboard` starts it, or finds the one that is running.

It shows the runs of the configuration's folder of runs, those that go on and those that are over. It stays when this
command ends; ./fx killport ends it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from config.compose import load_config
from config.plugins import require_modules
from config.schema import Config
from metrics.dashboard import lifecycle
from scripts.command import Parser, exit_code
from scripts.output import out
from utils.errors import ConfigError
from utils.logger import get_logger
from utils.paths import anchored, shown

log = get_logger(__name__)
START_S, STOP_S = 30.0, 5.0
"""How long it may take to answer, and to end."""
UNATTENDED = ("CI", "PYTEST_CURRENT_TEST")
"""Where one of these is set, nobody looks: `dashboard.enabled=auto` starts nothing."""


def start_parser() -> Parser:
    """Options of `./fx dashboard`."""
    return Parser("./fx dashboard", __doc__, options="[--help]", more="dashboard.port=8060 takes another port.")


def stop_parser() -> Parser:
    """Options of `./fx killport`."""
    about = "End the dashboard's server on a port, the configured one if none is given. Other programs are left alone."
    return Parser("./fx killport", about, options="[PORT]")


def start(arguments: Sequence[str]) -> int:
    """Start it or find it, say where it is. Raises FxError if it does not start."""
    _, words = start_parser().read(arguments)
    wrong = [word for word in words if "=" not in word]
    if wrong:
        raise ConfigError(f"there is no argument {wrong[0]!r}", where="the command line", fix="./fx dashboard")
    config = load_config("momentum_training", words)
    runs = anchored(config.runs)
    require_modules(config.dashboard.plugins, "dashboard.plugins")
    started = lifecycle.start(runs, config.dashboard.port, config.dashboard.plugins)
    if started.said:
        out.print(started.said)
    if not started.reused:
        lifecycle.wait(started, START_S)
    how = "is running" if started.reused else "started"
    out.print(f"the dashboard of {shown(runs)} {how}: {started.address}")
    out.print(f"it stays; ./fx killport{_port_word(started.port, config)} ends it")
    return 0


def stop(arguments: Sequence[str]) -> int:
    """End ours on the port. Raises FxError if there is none."""
    _, words = stop_parser().read(arguments)
    config = load_config("momentum_training", [word for word in words if "=" in word])
    named = [word for word in words if "=" not in word]
    if len(named) > 1 or not all(word.isdecimal() for word in named):
        raise ConfigError(f"{' '.join(named)!r} is no port", where="the command line", fix="./fx killport 8051")
    server = lifecycle.stop(int(named[0]) if named else config.dashboard.port, STOP_S)
    out.print(f"ended the dashboard of {shown(Path(server.runs))} on {server.address}")
    return 0


def show_run(config: Config) -> None:
    """Before a training: start the dashboard or find it, and say where it is. It is never waited for.

    Whatever keeps it from starting is a warning: the training goes on.
    """
    wanted = config.dashboard.enabled
    if wanted == "never" or (wanted == "auto" and any(os.environ.get(name) for name in UNATTENDED)):
        return
    try:
        require_modules(config.dashboard.plugins, "dashboard.plugins")
        started = lifecycle.start(anchored(config.runs), config.dashboard.port, config.dashboard.plugins)
    except (ConfigError, OSError) as why:
        log.warning("no dashboard: %s", why.what if isinstance(why, ConfigError) else why)
        return
    if started.said:
        log.info(started.said)
    log.info("dashboard: %s (./fx killport%s ends it)", started.address, _port_word(started.port, config))


def _port_word(port: int, config: Config) -> str:
    return "" if port == config.dashboard.port else f" {port}"


def main(arguments: Sequence[str] | None = None) -> int:
    """`start` or `stop`, the first word; exit code 2 and a message for mistakes in the input."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    run = {"start": start, "stop": stop}[words[0]]
    return exit_code(run, words[1:])


if __name__ == "__main__":
    sys.exit(main())
