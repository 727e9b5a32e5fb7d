"""Latency of one decision, as a live feed asks for it: a second of one symbol is over, what is to be done?"""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
import torch

from ai.extractors import WindowExtractor
from ai.feature_store import BranchSizes
from ai.policy import MarketPolicy, window_policy
from feature.live import LiveFeatures
from scripts.bench.days import bench_days
from scripts.bench.registry import Figure, benchmark
from simulators.layout import ACTIONS, Portfolio

JOINED_S = 30_000
WARM_UP = 100
ASKED_US = {
    "decide.p50_us": 1_000.0,
    "decide.p99_us": 3_000.0,
    "decide.anew_p50_us": 1_000.0,
    "decide.anew_p99_us": 3_000.0,
    "decide.features_p50_us": 20_000.0,
}
"""What is asked of one thread, as the baseline of what has no other."""

Times = npt.NDArray[np.float64]
"""Seconds."""


@benchmark(*ASKED_US)
def decisions(quick: bool) -> list[Figure]:
    """window to action, base network, one lane, one thread; `anew`: nothing kept; `features`: what comes before.

    `anew` computes again what stayed the same since the last second; `features` are the second's features and windows.
    The baselines are what is asked.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    features, kept, anew = _walk(600 if quick else 3_000)
    torch.set_num_threads(threads)
    values = {
        "decide.p50_us": np.percentile(kept, 50),
        "decide.p99_us": np.percentile(kept, 99),
        "decide.anew_p50_us": np.percentile(anew, 50),
        "decide.anew_p99_us": np.percentile(anew, 99),
        "decide.features_p50_us": np.percentile(features, 50),
    }
    return [
        Figure(name, 1e6 * float(value), "us", ASKED_US[name], ASKED_US[name] / (1e6 * float(value)))
        for name, value in values.items()
    ]


def _walk(count: int) -> tuple[Times, Times, Times]:
    """Seconds that features, a decision, and the same decision from nothing took, at `count` seconds in a row."""
    bench = bench_days(1)
    day = bench.days[0]
    live = LiveFeatures(bench.extractor, day)
    live.extend(day.bars[:JOINED_S], day.market[:JOINED_S])
    policy = window_policy(bench.config.model, BranchSizes.of(live.day()))
    extractor = policy.features_extractor
    assert isinstance(extractor, WindowExtractor)
    times = np.zeros((WARM_UP + count, 4))
    for i in range(len(times)):
        second = JOINED_S + i
        times[i, 0] = time.perf_counter()
        live.append(day.bars[second], day.market[second])
        windows = live.day().window(second)
        times[i, 1] = time.perf_counter()
        action = _decide(policy, windows)
        times[i, 2] = time.perf_counter()
        extractor.forget()
        again = _decide(policy, windows)
        times[i, 3] = time.perf_counter()
        assert action == again
    features, kept, anew = np.diff(times[WARM_UP:], axis=1).T
    return features, kept, anew


def _decide(policy: MarketPolicy, windows: dict[str, npt.NDArray[np.float32]]) -> int:
    observation = {name: torch.from_numpy(rows)[None] for name, rows in windows.items()}
    with torch.no_grad():
        observation["portfolio"] = torch.zeros(1, len(Portfolio))
        return int(policy.decide(observation, torch.ones(1, ACTIONS, dtype=torch.bool)))
