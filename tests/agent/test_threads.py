from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
import torch

from agent.threads import TRIALS, Threads, usable_cores
from tests.support.toy_agent import toy_agent


@pytest.fixture(autouse=True)
def as_before() -> Generator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def settled(most: int, seconds: dict[int, float]) -> int:
    """What is chosen where a minibatch takes so long by the number of threads; the first of each twice as long."""
    now = [0.0]
    threads = Threads(0, most, clock=lambda: now[0])
    tried: list[int] = []
    for _ in range(len(seconds) * TRIALS):
        with threads.minibatch():
            count = torch.get_num_threads()
            now[0] += seconds[count] * (1 if count in tried else 2)
            tried.append(count)
    assert {count: tried.count(count) for count in tried} == dict.fromkeys(seconds, TRIALS)
    with threads.minibatch():
        return torch.get_num_threads()


@pytest.mark.parametrize(
    ("most", "seconds", "best"),
    [
        (2, {1: 1.0, 2: 0.6}, 2),
        (2, {1: 1.0, 2: 0.95}, 1),  # not worth a core
        (6, {1: 1.0, 2: 0.6, 4: 0.4, 6: 0.39}, 4),
        (4, {1: 1.0, 2: 3.0, 4: 0.5}, 4),
        (1, {1: 1.0}, 1),
    ],
)
def test_the_fastest_stays_unless_fewer_do_nearly_as_well(most: int, seconds: dict[int, float], best: int) -> None:
    assert settled(most, seconds) == best


def test_a_number_is_taken_as_it_is() -> None:
    with Threads(2, most=8).minibatch():
        assert torch.get_num_threads() == 2


def test_what_was_measured_is_kept_with_the_run() -> None:
    agent = toy_agent(threads=0, n_epochs=8)
    agent.train()
    saved = agent.checkpoint()
    assert saved.run["threads"] == torch.get_num_threads() <= usable_cores()
    other = toy_agent(threads=0)
    torch.set_num_threads(3)
    saved.run["threads"] = 1
    other.restore(saved, resume=True, where=Path("saved"))
    assert torch.get_num_threads() == 1


def test_cores_of_a_container(tmp_path: Path) -> None:
    free = usable_cores(tmp_path / "missing")
    assert free >= 1
    quota = tmp_path / "cpu.max"
    quota.write_text("max 100000\n")
    assert usable_cores(quota) == free
    quota.write_text("50000 100000\n")
    assert usable_cores(quota) == 1
