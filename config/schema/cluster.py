"""Who does work that falls into many parts: days to scan, features, backtests, trainings."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from config.schema.checks import at_least, require


@dataclass
class ClusterConfig:
    """Who does work that falls into many parts: days to scan, features, backtests, trainings. Nothing here changes what
    comes out.
    """

    kind: str = MISSING  # local: processes of this machine; here: this process; ray
    workers: int = MISSING  # tasks at once; 0: one per core, on Ray as many as it has room for
    address: str = MISSING  # of a Ray cluster: auto (the one of this node), HOST:PORT; empty: one is started here
    cpus: float = MISSING  # of a task on Ray
    gpus: float = MISSING  # of a task on Ray; trainings see no GPU with 0
    retries: int = MISSING  # times that a task is done again because its worker died

    def __post_init__(self) -> None:
        at_least("cluster", self, 0, "workers", "cpus", "gpus", "retries")
        require(self.cpus + self.gpus > 0, "cluster.cpus and cluster.gpus are 0; use more than 0 for one of them")
