"""The same training with several seeds. One that was finished before is taken as it is, an interrupted one goes on.

What was trained is noted in `<models>/trainings/`, a small JSON file a training, named by all that decides how it ends:
configuration, seed, content of its days, split, features. Where things lie and what is logged does not matter.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from agent.model_registry import METADATA, git_state
from config.schema import Config
from data.scanner.index import MomentumIndex
from scripts.influence import FILES, NO_INFLUENCE, influential
from scripts.pipeline import Market, open_elsewhere
from scripts.runs import CHECKPOINTS, RESULT, run_folder
from scripts.training import train_model
from utils.atomic import write_text
from utils.cluster.registry import ONE_BY_ONE, open_cluster
from utils.hashing import json_hash, text_hash
from utils.logger import get_logger
from utils.paths import anchored, shown

log = get_logger(__name__)

TRAININGS = "trainings"
ALL = 1_000_000
"""Models kept: none of those that are compared makes room for another."""


class SeedRun(NamedTuple):
    """One of them."""

    config: Config
    folder: Path
    version: str
    """Name of the registered model."""
    reused: bool
    """Whether it was there already."""


def add_seeds(parser: argparse.ArgumentParser, default: int = 3, quick: int = 0) -> None:
    """The options --seeds (how many) and --fresh. quick: how many are meant with --quick, if others."""
    about = f"seeds 0 to N - 1 (default: {default}{f', {quick} with --quick' if quick else ''})"
    default = 0 if quick else default
    parser.add_argument("--seeds", type=_count, default=default, metavar="N", help=about)
    parser.add_argument("--fresh", action="store_true", help="train anew what was trained before")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of trainings; use 1 or more")
    return int(text)


def seed_runs(
    config: Config, market: Market, seeds: int, *, fresh: bool = False, own: SeedRun | None = None
) -> Iterator[SeedRun]:
    """Train with the seeds 0 to `seeds` - 1; a training that was finished before is not done again unless `fresh`.

    own: a training from elsewhere that stands for the one with its seed.
    On this machine one after the other, as a training uses all its cores; they are handed out in the order of the
    seeds. Raises KeyboardInterrupt when a training is stopped: the others are not begun, and the next call goes on
    with it.
    """
    known = {} if own is None else {own.config.seed: own}
    todo = [seed for seed in range(seeds) if seed not in known]
    work = TrainSeed(config, market.index, market_content(market), fresh, market)
    with closing(open_cluster(config.cluster).run(work, todo, doing="seeds", pool_from=ONE_BY_ONE)) as done:
        for seed in range(seeds):
            while seed not in known:
                other, run = next(done)
                known[other] = run
            yield known[seed]


class TrainSeed:
    """Train with a seed. Goes to the workers, which open the sources themselves."""

    def __init__(
        self, config: Config, index: MomentumIndex, content: str, fresh: bool, market: Market | None = None
    ) -> None:
        """index: of the market, whose split and days need not be those that a scan finds; market: of this process."""
        self._config, self._index, self._content, self._fresh = config, index, content, fresh
        self._market = market

    def __call__(self, seed: int, /) -> SeedRun:
        """See `utils.cluster.registry.Work`."""
        if self._market is None:
            self._market = Market(**vars(open_elsewhere(self._config)), index=self._index)
        return _trained(replace(self._config, seed=seed), self._market, self._content, self._fresh)

    def __reduce__(self) -> tuple[type[TrainSeed], tuple[Config, MomentumIndex, str, bool]]:
        return TrainSeed, (self._config, self._index, self._content, self._fresh)


def _trained(config: Config, market: Market, content: str, fresh: bool) -> SeedRun:
    note = anchored(config.models) / TRAININGS / f"{training_key(config, content)}.json"
    known = {} if fresh else _read(note)
    config = replace(config, training=replace(config.training, keep_best=ALL))
    if (done := _finished(config, known)) is not None:
        _tell(config, known)
        return done
    resume = known.get("folder", "") if _can_go_on(known) else ""
    with run_folder(replace(config, training=replace(config.training, resume=resume))) as folder:
        about: dict[str, Any] = {"seed": config.seed, "folder": str(folder), "git": git_state()}
        write_text(note, json.dumps(about, indent=1))
        trained = train_model(replace(config, training=replace(config.training, resume=resume)), market, folder)
        if trained.interrupted:
            raise KeyboardInterrupt
        model = {"version": trained.version, "model": _identity(anchored(config.models) / trained.version)}
        write_text(note, json.dumps(about | model, indent=1))
        return SeedRun(config, folder, trained.version, reused=False)


def market_content(market: Market) -> str:
    """Hash of the days that a training and its validation use, of the split and of the features."""
    entries = market.entries((*market.split.train, *market.split.validation))
    days = {f"{symbol} {date}": json_hash(market.data.sources(symbol, date)) for symbol, date in entries}
    return json_hash([days, market.split.plain(), market.extractor.schema.hash])


def training_key(config: Config, content: str) -> str:
    """Name of a training on a market with that content: the same for two that end in the same weights."""
    return json_hash([influential(config, (*NO_INFLUENCE, *FILES)), content])


def _read(note: Path) -> dict[str, Any]:
    """What is noted of a training; empty if nothing is, or if it is damaged."""
    try:
        return json.loads(note.read_text())
    except (FileNotFoundError, ValueError):
        return {}


def _identity(model: Path) -> str:
    """Of a registered model: version numbers are given again when the highest was removed."""
    about = model / METADATA
    return text_hash(about.read_text()) if about.is_file() else ""


def _finished(config: Config, known: dict[str, Any]) -> SeedRun | None:
    """The training, if its model and its run are still there."""
    version, folder = known.get("version"), Path(known.get("folder", ""))
    if not version or _identity(anchored(config.models) / version) != known["model"] or not (folder / RESULT).is_file():
        return None
    return SeedRun(config, folder, version, reused=True)


def _can_go_on(known: dict[str, Any]) -> bool:
    """Whether a training was interrupted or killed and left a checkpoint."""
    return bool(known) and "version" not in known and any((Path(known["folder"]) / CHECKPOINTS).glob("r*"))


def _tell(config: Config, known: dict[str, Any]) -> None:
    then, now = known["git"].get("commit") or "unknown", git_state().get("commit") or "unknown"
    other = "" if then == now else f" (now: {now[:8]}; --fresh trains anew)"
    log.info(
        "seed %d: %s of %s was trained at commit %s%s",
        config.seed,
        known["version"],
        shown(config.models),
        then[:8],
        other,
    )
