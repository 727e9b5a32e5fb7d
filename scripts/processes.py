"""A training in several processes of this machine: started by what torchrun is made of, without a port of its own."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from config.schema import Config
from utils.errors import EXIT_INTERRUPTED, ConfigError, TrainingError
from utils.group import MEETING, group_size
from utils.paths import ROOT

TRAINING_MODES = ("train", "train-backtest")
"""Values of `mode` that several processes can share."""
LAST_WORDS_S = 3600
"""After Ctrl-C: the rollout, its update, the last checkpoint and the model are written; a second one ends at once."""


def to_be_started(config: Config) -> bool:
    """Whether processes are wanted that do not run yet. ConfigError if several run that cannot share the work."""
    trains = config.mode in TRAINING_MODES
    if group_size() > 1 and not trains:
        raise ConfigError(f"{config.mode} is done by one process", fix="start it without torchrun")
    return trains and config.training.processes > 1 and group_size() == 1


def launch(processes: int, arguments: Sequence[str]) -> int:
    """`main.py arguments` in so many processes; the exit code. Raises TrainingError if one of them was killed.

    They meet in a file and talk through the loopback device: nothing listens where others could reach it.
    """
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"  # else torch's agent listens on every network
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as torchrun does; torch's own threads are training.threads
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # the processes speak for themselves
    with tempfile.TemporaryDirectory(prefix="fx-processes-") as folder:
        os.environ[MEETING] = str(Path(folder) / "processes")
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            run_id="fx",
            rdzv_backend="c10d",
            rdzv_endpoint=str(Path(folder) / "agent"),
            rdzv_configs={"store_type": "file"},
            local_addr="127.0.0.1",
            max_restarts=0,
            shutdown_timeout=LAST_WORDS_S,
        )
        try:
            elastic_launch(config, sys.executable)(str(ROOT / "main.py"), *arguments)
        except SignalException:
            return EXIT_INTERRUPTED
        except ChildFailedError as why:
            codes = {rank: failure.exitcode for rank, failure in why.failures.items()}
            return _exit_code(codes)
        finally:
            del os.environ[MEETING]
    return 0


def _exit_code(codes: dict[int, int]) -> int:
    """Of all from those of the processes. Those that lost another one were ended by SIGTERM, or said so themselves."""
    for rank, code in codes.items():
        if code < 0 and -code != signal.SIGTERM:
            raise TrainingError(
                f"process {rank} of the training was killed by {signal.Signals(-code).name}",
                fix="./fx momentum --resume last goes on from the newest checkpoint; SIGKILL may mean: out of memory",
            )
    return next((code for code in codes.values() if code > 0), EXIT_INTERRUPTED)
