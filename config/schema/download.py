"""What is bought from Databento, and how."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from config.schema.checks import at_least, one_of, require

WAYS = ("stream", "batch")


@dataclass
class DownloadConfig:
    """Requests to Databento's historical API. The key comes from the environment, never from here."""

    dataset: str = MISSING
    schemas: list[str] = MISSING
    history_sessions: int = MISSING  # sessions of daily bars before the first day: what features and scanner look back
    budget_usd: float = MISSING  # an estimate above it is refused
    way: str = MISSING  # one of WAYS: a request a file, or one job for all that is prepared on the server
    connections: int = MISSING  # requests at once, for way=stream
    tries: int = MISSING  # of a request that was cut, refused for its rate, or met a broken server
    wait_s: float = MISSING  # before the second try; doubles with each; what the server says goes first
    poll_s: float = MISSING  # between looks at a job
    exclude: list[str] = MISSING  # regular expressions of symbols that a universe leaves out
    gateway: str = MISSING  # URL of another server; empty: Databento's

    def __post_init__(self) -> None:
        one_of("download.way", self.way, WAYS)
        at_least("download", self, 1, "connections", "tries")
        at_least("download", self, 0, "history_sessions", "budget_usd", "wait_s", "poll_s")
        require(len(self.schemas) > 0, "download.schemas is empty; name at least one, e.g. [mbp-1]")
