"""What is audited: a registered model under its own configuration, and the markets that it is asked about."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.checkpoint import weights_of
from config.compose import load_config, taken_up
from config.schema import Config
from scripts.backtesting import Test
from scripts.pipeline import Market, metadata_of, model_registry, open_market
from scripts.seed_results import HeldOut
from scripts.seed_runs import SeedRun, market_content, seed_runs, training_key
from utils.errors import ModelError
from utils.hashing import json_hash
from utils.logger import get_logger
from utils.paths import shown

log = get_logger(__name__)

BASE = "backtest"
OWN = (
    "symbols",
    "data",
    "sample",
    "timeline",
    "split",
    "scanner",
    "curriculum",
    "feature",
    "simulation",
    "env",
    "reward",
    "model",
    "training",
)
"""Groups of the configuration that a model brings along."""
SEEDS, QUICK_SEEDS = 5, 2
QUICK_STEPS = 65_536
TRAININGS = "seeds"
"""Folder beside the registry in which the models of audits lie: they must not become the best of it."""
SIGNAL, PLACEBO = "signal", "placebo"
"""Options of config/sample; the second is also the name of the market's variant."""


@dataclass(frozen=True)
class Options:
    """How an audit is done."""

    quick: bool = False
    """Fewer days and seeds, shorter trainings."""
    seeds: int = SEEDS
    fresh: bool = False
    """Nothing that was done before is taken over."""


class Subject:
    """The model; its days are loaded when they are first asked for, and once."""

    def __init__(self, model: str, words: Sequence[str], options: Options) -> None:
        """model: a version, "best" or a folder; words: `key=value` on top of the model's own configuration.

        Raises ModelError if there is no such model or nothing says how it was trained, ConfigError for wrong words.
        """
        named = load_config(BASE, words)
        self.path = model_registry(named).resolve(model)
        self.about: dict[str, Any] = metadata_of(self.path)
        if "config" not in self.about:
            fix = "audit a version of the registry: ./fx audit v3"
            raise ModelError("nothing says how this model was trained", where=shown(self.path), fix=fix)
        self.config: Config = _afresh(taken_up(named, self.about["config"], OWN, words))
        """The model's own, as it is backtested."""
        self._as_trained = _afresh(taken_up(load_config(BASE, []), self.about["config"], OWN))
        self.options = options

    @property
    def name(self) -> str:
        """E.g. "v3"."""
        return self.path.name

    @property
    def facts(self) -> dict[str, str]:
        """Where it comes from, and on what it is audited."""
        commit = (self.about.get("git") or {}).get("commit") or "unknown"
        dates, days = self.test.dates, len(self.test.arrays.days)
        return {
            "model": shown(self.path),
            "trained": f"{self.about.get('steps', 0):,} steps, seed {self.about.get('seed')}, commit {commit[:8]}",
            "held-out days": f"{days} on {len(dates)} sessions, {min(dates)} to {max(dates)}",
            "trainings": f"{self.options.seeds} of {self.training.training.total_steps:,} steps",
        }

    @functools.cached_property
    def weights(self) -> str:
        """Hash of the model's parameters."""
        return weights_of(self.path)

    @functools.cached_property
    def market(self) -> Market:
        """The one that it was trained on, as it is now."""
        return open_market(self.config)

    @functools.cached_property
    def content(self) -> str:
        """Hash of its training and validation days."""
        return market_content(self.market)

    @functools.cached_property
    def held_out(self) -> HeldOut:
        """The days that it has not seen."""
        return HeldOut(self.config, self.market)

    @functools.cached_property
    def test(self) -> Test:
        """The model on those days."""
        return self.held_out.test(self.path)

    @property
    def training(self) -> Config:
        """How it was trained, with a registry of its own; shorter with `quick`."""
        config = self.config
        steps = min(config.training.total_steps, QUICK_STEPS) if self.options.quick else config.training.total_steps
        training = replace(config.training, total_steps=steps)
        models = str(Path(config.models).parent / TRAININGS)
        return replace(config, name="audit-training", models=models, training=training)

    def trainings(self) -> Iterator[SeedRun]:
        """The same training with several seeds; the model itself stands for its own."""
        options = self.options
        own = None if options.fresh else self._own_training()
        return seed_runs(self.training, self.market, options.seeds, fresh=options.fresh, own=own)

    def _own_training(self) -> SeedRun | None:
        """The model as one of its trainings, unless it was trained otherwise, on other days, or was stopped."""
        about, market = self.about, self.market
        days = {
            f"{symbol} {date}": json_hash(market.data.sources(symbol, date))
            for symbol, date in market.entries(market.split.train)
        }
        same = (
            training_key(self._as_trained, self.content) == training_key(self.training, self.content)
            and about["days"] == days
            and about["split_hash"] == market.split.hash
            and about["feature_hash"] == market.extractor.schema.hash
            and not about["stopped_by"].startswith("SIG")
            and not about.get("parent")
        )
        if not same:
            return None
        config = replace(self.training, seed=int(about["seed"]), models=str(self.path.parent))
        return SeedRun(config, self.path, self.path.name, reused=True)

    @property
    def placebo(self) -> Config:
        """Its training on the synthetic market without signal. Nothing of other days is left in it."""
        config = self.training
        signal, placebo = (load_config(BASE, [f"sample={name}"]).sample for name in (SIGNAL, PLACEBO))
        if not self.about.get("synthetic", False):
            stages = [replace(stage, symbols=[], date_range=[]) for stage in config.curriculum.stages]
            curriculum = replace(config.curriculum, stages=stages)
            data = replace(config.data, source="sample", splits=[])
            return replace(config, symbols=[], curriculum=curriculum, data=data, sample=placebo)
        folder = config.sample.folder
        if config.sample.variant != PLACEBO:
            folder = placebo.folder if folder == signal.folder else f"{folder}-{PLACEBO}"
        data = replace(config.data, source="sample")
        return replace(config, data=data, sample=replace(config.sample, folder=folder, variant=PLACEBO))


def _afresh(config: Config) -> Config:
    """A training from nothing."""
    return replace(config, name="audit", training=replace(config.training, continue_from="", resume=""))
