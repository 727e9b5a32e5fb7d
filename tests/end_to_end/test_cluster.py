"""The same work on a Ray cluster of two nodes as on this machine: index, caches, backtest, seeds, study."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from agent.backtest_days import select_days
from agent.checkpoint import POLICY
from config.schema import Config
from config.studies import training_words
from data.scanner.index import MomentumIndex
from data.scanner.momentum_scanner import MomentumScanner
from scripts import backtest_parts
from scripts.arrays import load_days
from scripts.backtest_parts import Played, play
from scripts.optimise.commands import study_of
from scripts.optimise.workers import Job, optimise
from scripts.pipeline import Sources, open_market, open_sources
from scripts.progress import DayProgress
from scripts.seed_runs import seed_runs
from simulators.day_bank import session_seconds
from tests.support.configs import load_config
from tests.support.small_market import small, tiny_training
from tests.support.spread_work import FatalSimulator, Patient, Refused, Squares
from utils.cluster.ray import ALONE
from utils.cluster.registry import Cluster, open_cluster
from utils.errors import ClusterError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: poetry install -E cluster"),
]
FEW = [
    *("env.decision_interval_s=60", "training.total_steps=512", "metrics.sinks=[store]", "dashboard.enabled=never"),
    *("backtest.last_second=30000", "training.checkpoint_every_s=0"),
]
STUDY = [
    *("optuna.trials=2", "optuna.budget.steps=512", "optuna.budget.evaluations=1", "optuna.objective.draws=100"),
    *("optuna.objective.constraints=[]", "optuna.sampler.kind=random", "split.train=0.4", "split.validation=0.4"),
]
SCANNED = ("MLGO",)
SET_BY_STUDY = ("training.total_steps", "training.time_limit_s")


def ports() -> dict[str, Any]:
    """Free ones for the agents of a node, which else has to hear of theirs within 15 s: much for a busy machine."""
    names = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in names]
        return {name: one.getsockname()[1] for name, one in zip(names, taken, strict=True)}


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[str]]:
    """Words for a cluster of two nodes on this machine. What is set here counts when Ray is imported."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ALONE.items():
            patch.setenv(name, value)
        import ray
        from ray.cluster_utils import Cluster as Nodes

        few: dict[str, Any] = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 100 << 20}
        cluster = Nodes(initialize_head=True, head_node_args=few | ports())
        cluster.add_node(**few, **ports())
        yield ["cluster=ray", f"cluster.address={cluster.address}", "cluster.workers=0", "cluster.retries=1"]
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def words(folder: Path) -> list[str]:
    return [*small(folder), *tiny_training(), *FEW]


def on(nodes: list[str]) -> Cluster:
    return open_cluster(load_config("scan", nodes).cluster)


def test_nothing_is_lost_or_doubled_when_a_worker_dies(
    nodes: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    done = list(on(nodes).run(Squares(tmp_path, 7), range(40), doing="squares"))
    assert sorted(done) == [(n, n * n) for n in range(40)]
    assert "a worker died (WorkerCrashedError of Ray); its task is done again" in caplog.text
    (told,) = [record.getMessage() for record in caplog.records if "40 tasks by 2 workers" in record.getMessage()]
    assert "s of overhead; 1 retried" in told
    with pytest.raises(ClusterError, match="a worker died 2 times at the same task"):
        list(on(nodes).run(Squares(tmp_path, 0, always=True), [0], doing="squares"))
    with pytest.raises(ValueError, match="3 is refused"):
        list(on(nodes).run(Refused(), [3], doing="squares"))


def test_an_interrupt_ends_what_is_under_way_in_order(nodes: list[str], tmp_path: Path) -> None:
    done = on(nodes).run(Patient(tmp_path), [0, 1, 2, 3], doing="waiting")
    assert next(done) == (0, 0)
    until = time.monotonic() + 120
    while not all((tmp_path / f"began-{number}").exists() for number in (1, 2)) and time.monotonic() < until:
        time.sleep(0.05)
    done.close()
    assert {path.name for path in tmp_path.glob("ended-*")} == {"ended-1", "ended-2"}
    assert not (tmp_path / "began-3").exists()


# ---------------------------------------------------------------- index and caches
def scanned(words: list[str], cache: Path, fatal: Path | None = None) -> tuple[MomentumIndex, Config, Sources]:
    """The index of the small market, in a cache of its own; and its features."""
    own = [word for word in words if not word.startswith("data.cache=")]
    config = load_config("scan", [*own, f"data.cache={cache}"])
    sources = open_sources(config)
    simulator = sources.simulator
    if fatal is not None:
        name = SCANNED[-1], sources.data.sessions(SCANNED[-1])[-1]
        simulator = FatalSimulator(simulator, name, fatal)
    scanner = MomentumScanner(config.scanner, sources.data, simulator.day, cache, open_cluster(config.cluster))
    index = scanner.build_index(SCANNED)
    index.save(cache / "index")
    taken = index.days.filter(pl.col("status") == "taken").select("symbol", "date")
    load_days(config, sources, list(taken.iter_rows()))
    return index, config, sources


def contents(folder: Path) -> dict[str, bytes]:
    """All files but what says when they were written."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".jsonl"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.name != "meta.json"}


def test_the_same_index_and_caches(
    words: list[str], nodes: list[str], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    here, _, _ = scanned([*words, "cluster.kind=here"], folder / "here")
    assert "retried" not in caplog.text
    there, _, _ = scanned([*words, *nodes], folder / "there", fatal=folder / "died")
    assert "scanning: a worker died" in caplog.text
    assert "; 1 retried" in caplog.text
    assert there.about == here.about
    assert there.days.equals(here.days, null_equal=True)
    alone, spread = contents(folder / "here"), contents(folder / "there")
    assert sum(name.startswith(("days/", "features/", "index/days/")) for name in alone) > 3 * 4
    assert spread == alone


# ---------------------------------------------------------------- seeds and backtests
@pytest.fixture(scope="module")
def models(words: list[str], nodes: list[str], folder: Path) -> list[Path]:
    """Of the same seed, trained here and on the cluster; it trades whatever it sees."""
    found: list[Path] = []
    for name, more in (("alone", ["cluster.kind=here"]), ("spread", nodes)):
        config = load_config("demo", [*words, *more, f"models={folder / name}", "model.hold_bias=-5"])
        (run,) = seed_runs(config, open_market(config), 1)
        assert not run.reused
        found.append(folder / name / run.version)
    return found


def test_the_same_weights_of_seeds(models: list[Path]) -> None:
    alone, spread = ((model / POLICY).read_bytes() for model in models)
    assert alone == spread


def played(model: Path, words: list[str]) -> Played:
    config = load_config("backtest", [*words, "backtest.days=all"])
    market = open_market(config)
    hours = session_seconds(config.simulation.session)
    dates = sorted(set(market.index.days["date"].to_list()))
    days = select_days(market.index, dates, config.backtest, hours)[:5]
    return play(config, market, model, config.env, days, DayProgress(config.training.log_every_s))


def test_the_same_backtest(
    models: list[Path], words: list[str], nodes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models[0]
    whole = played(model, [*words, "cluster.kind=here"])
    monkeypatch.setattr(backtest_parts, "DAYS_AT_ONCE", 2)
    here, there = played(model, [*words, "cluster.kind=here"]), played(model, [*words, *nodes])
    assert len(here.run.pnl) == 5
    assert min(here.run.orders.height, here.run.fills.height, here.run.trades.height) > 0
    for other in (there, whole):
        for name in ("orders", "fills", "trades"):
            assert getattr(other.run, name).write_json() == getattr(here.run, name).write_json(), name
        np.testing.assert_array_equal(other.run.pnl, here.run.pnl)
        np.testing.assert_array_equal(other.oracle_pnl, here.oracle_pnl)
        assert other.seen.keys() == here.seen.keys()
    assert here.run.trace is not None
    assert there.run.trace is not None
    for own, other in zip(here.run.trace, there.run.trace, strict=True):
        assert np.asarray(own).tobytes() == np.asarray(other).tobytes()


# ---------------------------------------------------------------- a study
def test_the_same_study(words: list[str], nodes: list[str], folder: Path) -> None:
    told: list[list[tuple[object, ...]]] = []
    for name, more in (("alone", ["cluster.kind=here"]), ("spread", nodes)):
        free = [word for word in words if not word.startswith(SET_BY_STUDY)]
        given = [*free, *STUDY, *more, f"optuna.storage=sqlite:///{folder / name}.db", f"optuna.name={name}"]
        study = replace(study_of("quick_search", given), threads=1)
        done = optimise(Job(study, training_words(given)))
        told.append([(trial.number, trial.state, trial.params, trial.values) for trial in done.trials])
    assert len(told[0]) == 2
    assert told[0] == told[1]
