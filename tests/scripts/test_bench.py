from __future__ import annotations

import json

import pytest

from scripts.bench.__main__ import main
from scripts.bench.engine_page import page, picture
from scripts.bench.performance_page import page as performance_page
from scripts.bench.registry import BENCHMARKS, Benchmark, Figure
from scripts.bench.scaling import AXES, CENTRE, HEAD, Point, setup_of
from scripts.bench.training_run import DISPATCH, EPOCHS, KINDS, Measured


def made(rollout_s: float = 0.5, pass_s: float = 0.25) -> Measured:
    shares = dict(zip([*KINDS, DISPATCH], (0.3, 0.2, 0.25, 0.15, 0.1), strict=True))
    return Measured(16_384, rollout_s, pass_s, 82.0, 900.0, shares)


def points() -> list[Point]:
    return [
        Point(axis, size, setup_of(axis, size), made(0.5 + i, 0.25 * (1 + i)))
        for axis, sizes in AXES.items()
        for i, size in enumerate(sizes)
    ]


def test_end_to_end_is_a_rollout_and_ten_passes() -> None:
    measured = made()
    assert measured.rollout_steps_per_s == 32_768
    assert measured.update_rows_per_s == 65_536
    assert measured.steps_per_s == pytest.approx(16_384 / (0.5 + EPOCHS * 0.25))


def test_a_point_names_its_limit() -> None:
    point = points()[0]
    assert dict(zip(HEAD, point.cells, strict=True)) == {
        "rollout/s": "32,768",
        "update/s": "65,536",
        "train/s": "5,461",
        "update": "83%",
        "GEMM": "30%",
        "limit": "GEMM",
        "MB": "900",
    }


@pytest.mark.parametrize(("axis", "size"), [(axis, size) for axis, sizes in AXES.items() for size in sizes])
def test_every_size_has_whole_minibatches(axis: str, size: int) -> None:
    setup = setup_of(axis, size)
    assert setup.lanes * setup.n_steps % setup.batch == 0
    assert getattr(setup, axis) == size
    assert (setup == CENTRE) == (size == getattr(CENTRE, axis))


def test_the_page_holds_every_size_and_what_limits() -> None:
    text = page(points())
    for axis, sizes in AXES.items():
        assert f"| {axis} | rollout/s |" in text
        assert all(f"\n| {size:,} |" in text for size in sizes)
    assert "GEMM 30%" in text
    assert "{" not in text
    assert picture(points()) == picture(points())


def test_names_are_unique_and_a_wrong_one_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "train.ratio_sb4"]) == 2
    assert "train.ratio_sb3" in capsys.readouterr().err
    names = [name for bench in BENCHMARKS for name in bench.names]
    assert len(names) == len(set(names))
    assert {"train.ratio_sb3", "train.memory_ratio_sb3", "rollout.steps_per_s", "scaling.lanes"} <= set(names)
    assert main(["lanes=3"]) == 2
    assert main(["--quik"]) == 2


def test_measured_survives_the_pipe() -> None:
    assert Measured(**json.loads(json.dumps(made().__dict__))) == made()


def test_the_page_of_all_figures_has_the_command_of_each_table() -> None:
    figures = [Figure("env.lanes", 1_234_567.0, "steps/s", 1_000.0, 1_234.567)]
    bench = Benchmark(("env.lanes",), "lane-steps/s, against one lane.", lambda _: figures, page=None)
    text = performance_page([(bench, figures)], load=9.0)
    assert "## env.lanes\n\nLane-steps/s, against one lane.\n\n```sh\n./fx bench --only env.lanes\n```" in text
    assert "| `env.lanes` | 1,230,000 | steps/s | 1,000 | 1,234.6 |" in text
    assert "so other programs may have disturbed it" in text
