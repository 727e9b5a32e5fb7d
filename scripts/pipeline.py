"""The parts put together: compose -> validate -> build -> run. One function per mode."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from agent.model_registry import METADATA, ModelRegistry
from config.plugins import import_plugins
from config.schema import Config
from data.data_manager import DataManager, open_data
from data.sample_market import ensure_sample_market
from data.scanner.index import MomentumIndex
from data.scanner.judge import Status
from data.scanner.momentum_scanner import MomentumScanner
from data.scanner.table import render_table
from data.split import Split, split_sessions
from feature.extractor import FeatureExtractor
from scripts.dashboard import show_run
from scripts.dates import DATE, date_range, require_sessions
from scripts.output import out
from scripts.runs import run_folder, save_config
from scripts.split_guard import refuse_other_split
from simulators.market_simulator import MarketSimulator
from utils.cluster.registry import open_cluster
from utils.errors import DataError
from utils.logger import get_logger
from utils.paths import anchored, shown
from utils.shared_store import shared_store

log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Timelines and features of any day."""

    data: DataManager
    simulator: MarketSimulator
    extractor: FeatureExtractor


@dataclass(frozen=True, kw_only=True)
class Market(Sources):
    """Everything that does not depend on an agent."""

    index: MomentumIndex

    @property
    def split(self) -> Split:
        """Of the sessions, as the index has it."""
        return self.index.split

    @property
    def synthetic(self) -> bool:
        """Whether any judged day is generated, as its files say."""
        taken = self.index.days.filter(pl.col("status") == str(Status.TAKEN))
        return any(self.data.synthetic(*entry) for entry in taken.select("symbol", "date").iter_rows())

    def entries(self, dates: tuple[dt.date, ...]) -> list[tuple[str, dt.date]]:
        """Days of the index on `dates` whose timeline was judged, by date and symbol."""
        taken = self.index.days.filter((pl.col("status") == str(Status.TAKEN)) & pl.col("date").is_in(list(dates)))
        return list(taken.sort("date", "symbol").select("symbol", "date").iter_rows())


def open_sources(config: Config) -> Sources:
    """Find the files."""
    cache = anchored(config.data.cache)
    extractor = FeatureExtractor(config.feature, cache, shared_store(config.data.shared))
    data = open_data(config.data, config.sample, config.timeline)
    return Sources(data=data, simulator=open_simulator(config, data), extractor=extractor)


def open_elsewhere(config: Config) -> Sources:
    """As `open_sources`, in a process that was handed `config` and has not imported the modules it names."""
    import_plugins(config.plugins)
    return open_sources(config)


def open_simulator(config: Config, data: DataManager) -> MarketSimulator:
    """Timelines of any day, from the cache of this machine, then from the one that machines share."""
    shared = shared_store(config.data.shared)
    return MarketSimulator(data, config.timeline, anchored(config.data.cache), shared)


def open_market(config: Config, what: str = "data", option: str = DATE) -> Market:
    """Find the files and scan them for momentum days. Raises DataError if there is none, or none that is asked for.

    what, option: see `scripts.dates.sessions_within`.
    """
    sources = open_sources(config)
    data = sources.data
    require_sessions(config, data, what, option)
    index = find_days(config, data, sources.simulator, config.symbols)
    if not len(_sound(index)):
        wanted = " or ".join(config.data.schema_priority)
        raise DataError(
            f"no session of {', '.join(config.symbols) or 'any symbol'} has {wanted}",
            where=data.provider.folder,
            near=[f"{q.path.name} ({q.rule})" for q in data.provider.quarantined[:3]],
            fix=f"request {config.data.schema_priority[0]} from Databento, or run on the sample market: "
            "data.source=sample",
        )
    for name, dates in index.split._asdict().items():
        log.info("%s: %d sessions%s", name, len(dates), f", {dates[0]} to {dates[-1]}" if dates else "")
    return Market(data=data, simulator=sources.simulator, extractor=sources.extractor, index=index)


def index_folder(config: Config) -> Path:
    """Where the index of days is kept."""
    return anchored(config.data.cache) / "index"


def find_days(config: Config, data: DataManager, simulator: MarketSimulator, symbols: Sequence[str]) -> MomentumIndex:
    """Scan `symbols` (all, if none are named) and fix the split.

    The split is over every session of all symbols, whatever became of their days: choosing sessions by what happened
    on them would leak the future into the test, and a run on one symbol must not train on the test sessions of all.
    """
    cluster = open_cluster(config.cluster)
    scanner = MomentumScanner(config.scanner, data, simulator.day, anchored(config.data.cache), cluster)
    index = scanner.build_index(symbols or None)
    index.fix_split(split_sessions(all_sessions(index, data), config.split))
    return index


def all_sessions(index: MomentumIndex, data: DataManager) -> list[dt.date]:
    """Every session of all symbols, whether they are in the index or not, in order."""
    scanned = set(index.days["symbol"])
    rest = {date for symbol in data.symbols() if symbol not in scanned for date in data.sessions(symbol)}
    return sorted({*_sound(index)["date"].to_list(), *rest})


def _sound(index: MomentumIndex) -> pl.DataFrame:
    return index.days.filter(pl.col("status") != str(Status.QUARANTINED))


def model_registry(config: Config) -> ModelRegistry:
    """The registered models."""
    return ModelRegistry(anchored(config.models), config.training.keep_best)


def build_index(config: Config) -> int:
    """Scan, write the index, say what is in it."""
    with run_folder(config):
        data = open_data(config.data, config.sample, config.timeline)
        simulator = open_simulator(config, data)
        index = find_days(config, data, simulator, config.symbols)
        index.save(index_folder(config))
    summary = index.summary()
    counts = ", ".join(f"{count} {status}" for status, count in summary["days"].items())
    out.print(f"{len(index)} days of {summary['symbols']} symbols, {summary['first']} to {summary['last']}: {counts}")
    parts = ", ".join(f"{len(dates)} {name}" for name, dates in index.split._asdict().items())
    out.print(f"sessions: {parts}; split {index.split.hash[:8]}")
    out.print(f"index: {shown(index_folder(config))}; ./fx scan lists the momentum days")
    return 0


def list_days(config: Config) -> int:
    """Print the momentum days."""
    data = open_data(config.data, config.sample, config.timeline)
    simulator = open_simulator(config, data)
    index = find_days(config, data, simulator, config.symbols)
    out.print(render_table(index, config.scanner.threshold))
    return 0


def init(config: Config) -> int:
    """Make the folders and the sample market."""
    files, cache = anchored(config.data.folder), anchored(config.data.cache)
    for folder in (files, cache, anchored(config.runs), anchored(config.models)):
        folder.mkdir(parents=True, exist_ok=True)
    sample = ensure_sample_market(config.sample)
    out.print(f"sample market (synthetic): {shown(sample)}")
    out.print(f"your Databento files go below {shown(files)}; while it is empty, the sample market is used")
    out.print("next: ./fx demo (everything once), or ./fx build-index and ./fx momentum")
    return 0


def metadata_of(model: Path) -> dict[str, Any]:
    """What was noted when a model was registered; empty for a folder that was not."""
    path = model / METADATA
    return json.loads(path.read_text()) if path.exists() else {}


def _check_parent(config: Config) -> None:
    """Refuse a model to go on from that is not there, before anything is made or scanned."""
    if config.training.continue_from and not config.training.resume:
        model_registry(config).resolve(config.training.continue_from)


def _open_to_train(config: Config, folder: Path) -> tuple[Config, Market]:
    """The market, and the configuration with the network and name of the model to go on from, if there is one.

    Weights fit no other network. Raises ModelError if that model was trained under another split.
    """
    from agent.checkpoint import load_checkpoint
    from agent.policy_runner import saved_model_config

    market, training = open_market(config), config.training
    if training.resume or not training.continue_from:
        return config, market
    path = model_registry(config).resolve(training.continue_from, market.synthetic)
    refuse_other_split(path.name, metadata_of(path), market.split, training.other_split)
    model = saved_model_config(load_checkpoint(path, training=False).meta)
    if model != config.model:
        log.info("the network is that of %s, not that of the configuration", shown(path))
    named = dataclasses.replace(training, continue_from=str(path))
    config = dataclasses.replace(config, model=model, training=named)
    save_config(folder, config)
    return config, market


def train(config: Config, then: Callable[[Config, Market, Path, str], None] | None = None) -> int:
    """Train and register a model; `then` gets its name, unless the training was interrupted.

    Of several processes that were started together, the first one does that, and the others help it.
    """
    from agent.parallel import open_world
    from scripts.following import train_along
    from scripts.training import train_model

    with open_world(config.training) as world:
        if not world.leads:
            return train_along(config, world)
        _check_parent(config)
        with run_folder(config) as folder:
            show_run(config)
            with world.leader_first():
                config, market = _open_to_train(config, folder)
            trained = train_model(world.first(config), market, folder, world=world)
            if then is not None and not trained.interrupted:
                then(config, market, folder, trained.version)
            return trained.exit_code


def backtest(config: Config) -> int:
    """Backtest a registered model."""
    from scripts.backtesting import backtest_model
    from scripts.publishing import publish_report

    if config.backtest.date:
        date_range(config.backtest.date)
    model_registry(config).resolve(config.backtest.model)  # refused before the scan if it is not there
    with run_folder(config) as folder:
        market = open_market(config)
        model = model_registry(config).resolve(config.backtest.model, market.synthetic)
        report = backtest_model(config, market, folder, config.backtest.model)
        publish_report(config, folder, report, metadata_of(model), model.name)
    return 0


def train_and_backtest(config: Config) -> int:
    """Train, then backtest the very model that came out."""
    return train(config, _backtest_and_publish)


def _backtest_and_publish(config: Config, market: Market, folder: Path, version: str) -> None:
    from scripts.backtesting import backtest_model
    from scripts.publishing import publish_report

    report = backtest_model(config, market, folder, version)
    about = metadata_of(anchored(config.models) / version)
    publish_report(config, folder, report, about, version)


RUN: dict[str, Callable[[Config], int]] = {
    "init": init,
    "build-index": build_index,
    "scan": list_days,
    "train": train,
    "backtest": backtest,
    "train-backtest": train_and_backtest,
}


def run_mode(config: Config) -> int:
    """Do what `config.mode` says; returns the exit code."""
    return RUN[config.mode](config)
