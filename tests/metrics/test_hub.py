"""Names are checked, and every sink gets the same numbers."""

from __future__ import annotations

import csv
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from config.schema import MetricsConfig
from metrics import registry
from metrics.collecting import COLLECTORS
from metrics.hub import SINKS, open_hub
from metrics.registry import Group
from tests.support.hubs import a_hub, run_info
from utils.errors import ConfigError
from utils.paths import ROOT


def test_an_undeclared_name_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with a_hub(tmp_path, "csv") as hub, pytest.raises(ConfigError, match="rollout/reward"):
        hub.log(1, {"rollout/rewards": 1.0})


def test_families_take_members() -> None:
    assert registry.find(registry.REWARD_PART.of("log_equity")) is registry.REWARD_PART
    with pytest.raises(ConfigError):
        registry.find("reward/")


def test_every_metric_has_a_collector_of_its_own_or_is_the_runs_or_its_checks() -> None:
    given = {metric.collector for metric in registry.metrics().values()}
    assert given == {group.value for group in Group}
    assert given - {Group.RUN.value, Group.EXPLAIN.value} <= set(COLLECTORS.all())
    with pytest.raises(ConfigError, match="twice"):
        registry.metric("train/loss", "-", registry.Better.LOWER, "another", Group.RUN)


def test_csv_has_a_column_for_each_name_even_a_late_one(tmp_path: Path) -> None:
    with a_hub(tmp_path, "csv") as hub:
        hub.log(10, {registry.REWARD.name: 0.1})
        hub.log(20, {registry.LOSS.name: 2.0, registry.REWARD.name: 1 / 3})
        hub.log(30, {registry.REWARD.name: 0.3})
    with (tmp_path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["global_step"] for r in rows] == ["10", "20", "30"]
    assert [r["train/loss"] for r in rows] == ["", "2.0", ""]
    assert float(rows[1]["rollout/reward"]) == 1 / 3


def test_csv_of_a_run_that_goes_on_has_every_rollout_once(tmp_path: Path) -> None:
    with a_hub(tmp_path, "csv") as hub:
        for step in (10, 20, 30):
            hub.log(step, {registry.REWARD.name: step / 3})
        hub.log(30, {registry.LOSS.name: 1.0})  # what came late
    path = tmp_path / "metrics.csv"
    path.write_text(path.read_text() + "40,0.")
    with a_hub(tmp_path, "csv", resumed_at=20) as hub:
        hub.log(30, {registry.REWARD.name: 1.0})
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["global_step"] for r in rows] == ["10", "20", "30"]
    assert [r["rollout/reward"] for r in rows] == [repr(10 / 3), repr(20 / 3), "1.0"]
    with a_hub(tmp_path / "new", "csv", resumed_at=20) as hub:
        hub.log(30, {registry.REWARD.name: 1.0})
    assert (tmp_path / "new" / "metrics.csv").read_text() == "global_step,rollout/reward\n30,1.0\n"


def test_an_unknown_sink_or_collector_is_refused(tmp_path: Path) -> None:
    assert {"console", "csv", "store", "wandb"} <= set(SINKS.all())
    with pytest.raises(ConfigError, match="console"):
        a_hub(tmp_path, "consol")
    config = MetricsConfig(collectors=["tradings"], sinks=[], queue=1, close_s=1, lanes=1, follow=0)
    with pytest.raises(ConfigError, match="trading"):
        open_hub(config, run_info(tmp_path))


def test_the_console_writes_plain_lines_off_a_terminal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), a_hub(tmp_path, "console") as hub:
        hub.log(500, {registry.VALIDATION_PNL.name: 1.0})
        hub.log(
            500,
            {
                registry.REWARD.name: 0.25,
                registry.STEPS_PER_S.name: 1234.0,
                registry.DRAWDOWN.name: 0.01,
                registry.ETA_S.name: 75.0,
            },
        )
    assert "step 500, 1,234 steps/s, 1:15 left" in caplog.text
    assert caplog.text.count("step 500") == 1
    assert "reward +0.2500, drawdown 1.00%" in caplog.text


def test_a_metric_a_collector_and_a_sink_of_ones_own_need_no_edit(tmp_path: Path) -> None:
    """In a process of its own: what a plugin declares stays declared."""
    code = f"""
from pathlib import Path
import numpy as np
import tests.plugins.my_fx.tally
from config.schema import MetricsConfig
from metrics.hub import open_hub
from metrics.rollout import NetworkNumbers, RewardNumbers, Rollout
from simulators.layout import FILL, STEP
from tests.support.hubs import run_info
steps = np.zeros((3, 2), STEP)
steps["filled"][:, 0] = [100.0, 0.0, -100.0]
nothing = np.zeros(0, FILL)
rollout = Rollout(
    step=6, stats={{}}, steps=steps, fills=nothing, trades=nothing, episodes=nothing, start_ns=np.zeros(1, np.int64),
    reward=RewardNumbers({{}}, {{}}, {{}}, {{}}), curriculum={{}}, network=lambda: NetworkNumbers({{}}, {{}}, {{}}),
)
config = MetricsConfig(collectors=["tally"], sinks=["lines", "csv"], queue=9, close_s=20, lanes=1, follow=0)
with open_hub(config, run_info(Path({str(tmp_path)!r}))) as hub:
    hub.log(6, hub.collect(rollout))
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert (tmp_path / "lines.txt").read_text() == "6 1\n"
    assert "tally/buys" in (tmp_path / "metrics.csv").read_text()
