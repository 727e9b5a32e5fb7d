from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from main import main
from tests.support.configs import load_config
from tests.support.small_market import places
from tests.support.spread_work import Refused, Squares
from utils.cluster.local import Local
from utils.cluster.registry import ONE_BY_ONE, open_cluster
from utils.errors import EXIT_USER_ERROR, ClusterError, ConfigError


def test_few_tasks_and_those_that_use_all_cores_are_done_here(tmp_path: Path) -> None:
    work, cluster = Squares(tmp_path, -1), Local(2, 0)
    assert list(cluster.run(work, [2, 3], doing="squares")) == [(2, 4), (3, 9)]
    assert list(cluster.run(work, range(40), doing="squares", pool_from=ONE_BY_ONE)) == [(n, n * n) for n in range(40)]


def test_a_process_that_dies_costs_nothing_but_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    done = list(Local(2, 1).run(Squares(tmp_path, 5), range(12), doing="squares", pool_from=2))
    assert sorted(done) == [(n, n * n) for n in range(12)]
    assert "squares: 12 tasks by 2 workers" in caplog.text
    assert "; 1 retried" in caplog.text


def test_one_that_always_dies_is_not_tried_for_ever(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="a worker died 2 times"):
        list(Local(2, 1).run(Squares(tmp_path, 1, always=True), range(3), doing="squares", pool_from=2))


def test_what_the_work_raises_comes_through() -> None:
    with pytest.raises(ValueError, match="0 is refused"):
        list(Local(1, 0).run(Refused(), [0], doing="squares"))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="no cluster is called 'rai'"):
        open_cluster(load_config("scan", ["cluster.kind=rai"]).cluster)


def test_without_ray_the_fix_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterError, match="Ray is not installed") as refused:
        list(
            open_cluster(load_config("scan", ["cluster=ray"]).cluster).run(Squares(tmp_path, -1), [1], doing="squares")
        )
    assert refused.value.fix == "poetry install -E cluster, or do without: cluster=local"
    few = ["sample.symbols=[MLGO]", "sample.sessions=3", "sample.active_share=1.0", "sample.split_session=0"]
    words = [*places(tmp_path), *few, "scanner.candidate_min_range=0", "scanner.candidate_min_rvol=0"]
    assert main(["--config", "build_index", *words, "cluster=ray"]) == EXIT_USER_ERROR
    assert "fix:       poetry install -E cluster" in capsys.readouterr().err
