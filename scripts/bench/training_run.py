"""`python -m scripts.bench.training_run JSON`: one way of training in a process of its own; prints what it measured.

Two variants of the same training: `windows` is stable-baselines3 with masks as its documentation has it, a dict of
windows per step (60 seconds, 30 minutes, 30 days) through every layer of the network; `blocks` is this project's
agent. Days, network sizes, hyperparameters and machine are the same. A process each, as the peak memory of a process
never falls, and as both would share caches otherwise.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from config.schema import ModelConfig, TrainingConfig
from metrics import registry as names
from rewards.composite import CompositeReward
from scripts.bench.days import BenchDays, bench_days
from scripts.usage import peak_mb
from simulators.day_bank import DayBank
from utils.paths import ROOT

SEED = 0
EPOCHS = 10
DISTINCT_DAYS = 16
"""Above so many the same days are in the bank several times: each with rows of its own in every cache."""


GEMM = "GEMM"
FLASH = "_scaled_dot_product_flash_attention_for_cpu"
KINDS = {
    GEMM: "mm addmm bmm baddbmm",
    "attention": f"{FLASH} {FLASH}_backward",
    "elementwise": "mul add add_ sub div neg sum mean where clamp abs sign exp sigmoid sigmoid_backward "
    "gelu gelu_backward tanh tanh_backward native_layer_norm native_layer_norm_backward _softmax "
    "_softmax_backward_data _log_softmax _log_softmax_backward_data",
    "copies": "copy_ cat fill_ zero_ index index_select gather embedding_dense_backward",
}
"""Operators of torch by what they do; norms, softmax and sums count as elementwise."""
DISPATCH = "dispatch"
"""What is left, the optimiser included."""


@dataclass(frozen=True)
class Setup:
    """What is trained, and how much of it is measured."""

    variant: Literal["windows", "blocks"]
    lanes: int
    n_steps: int
    batch: int
    passes: int
    """Passes over a rollout that are timed; an update is EPOCHS of them, which all take the same time."""
    rounds: int
    """Rollouts with their updates. The fastest of each counts: whatever else runs here only ever adds."""
    threads: int = 0
    """0: what torch takes for `windows`, what `training.threads=0` finds out for `blocks`."""
    days: int = 4
    interval_s: int = 1
    d_model: int = 64
    window: int = 60
    """Seconds that the network looks at."""
    profile: bool = False
    """Whether to ask the profiler what the update consists of."""


@dataclass(frozen=True)
class Measured:
    """What one process saw."""

    rows: int
    rollout_s: float
    pass_s: float
    bytes_per_row: float
    """Bytes that the rollout buffer keeps of a step."""
    peak_mb: float
    shares: dict[str, float]
    """Of the update's self CPU time, by KINDS and DISPATCH; empty unless profiled."""

    @property
    def rollout_steps_per_s(self) -> float:
        """Without updates."""
        return self.rows / self.rollout_s

    @property
    def update_rows_per_s(self) -> float:
        """Rows through forward, backward and optimiser."""
        return self.rows / self.pass_s

    @property
    def steps_per_s(self) -> float:
        """Training end to end: a rollout and its EPOCHS passes."""
        return self.rows / (self.rollout_s + EPOCHS * self.pass_s)


def measure(setup: Setup) -> Measured:
    """Run this file in a child process."""
    command = [sys.executable, "-m", "scripts.bench.training_run", json.dumps(asdict(setup))]
    quiet = {**os.environ, "KINETO_LOG_LEVEL": "99"}  # torch's profiler
    done = subprocess.run(command, cwd=ROOT, env=quiet, stdout=subprocess.PIPE, text=True, check=True)
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def network(setup: Setup, base: ModelConfig) -> ModelConfig:
    """`base` in the width of `setup`, looking back as far as it says."""
    heads, d = base.heads, setup.d_model
    return replace(base, d_model=d, ffn=2 * d, hidden=[d], hf_band=(setup.window - 1) // base.layers + 1, heads=heads)


def windows(setup: Setup, bench: BenchDays) -> Measured:
    """Plain stable-baselines3 on window observations; every token of every window through every layer."""
    from sb3_contrib import MaskablePPO
    from stable_baselines3.common.vec_env import DummyVecEnv

    from ai.extractors import WindowExtractor
    from envs.trading_environment import TradingEnvironment

    config, features, training = bench.config, bench.features(), bench.config.training

    def make(lane: int) -> TradingEnvironment:
        bank, reward = DayBank(bench.days, config.simulation), CompositeReward(config.reward, 1)
        source, seed = bench.episodes(SEED + lane), SEED + lane
        return TradingEnvironment(bank, features, config.env, config.simulation, reward, source, seed)

    class Timed(MaskablePPO):
        """Keeps the seconds of its rollouts and updates."""

        rollouts: ClassVar[list[float]] = []
        updates: ClassVar[list[float]] = []

        def collect_rollouts(self, *args: Any, **kwargs: Any) -> bool:
            start = time.perf_counter()
            more = super().collect_rollouts(*args, **kwargs)
            self.rollouts.append(time.perf_counter() - start)
            return more

        def train(self) -> None:
            start = time.perf_counter()
            super().train()
            self.updates.append(time.perf_counter() - start)

    model = network(setup, config.model)
    ppo = Timed(
        "MultiInputPolicy",
        DummyVecEnv([lambda lane=lane: make(lane) for lane in range(setup.lanes)]),
        n_steps=setup.n_steps,
        batch_size=setup.batch,
        n_epochs=setup.passes,
        learning_rate=training.learning_rate,
        gamma=training.gamma,
        gae_lambda=training.gae_lambda,
        policy_kwargs={
            "net_arch": {"pi": model.hidden, "vf": model.hidden},
            "ortho_init": False,
            "features_extractor_class": WindowExtractor,
            "features_extractor_kwargs": {"model": model, "every_token": True},
        },
        seed=SEED,
        device="cpu",
    )
    ppo.learn(setup.rounds * setup.lanes * setup.n_steps, log_interval=sys.maxsize)
    return _measured(setup, ppo.rollouts, ppo.updates, ppo.rollout_buffer, {})


def blocks(setup: Setup, bench: BenchDays) -> Measured:
    """This project's agent, every lane with its own clock."""
    from agent.ppo_agent import PPOAgent
    from agent.vec_env import LaneVecEnv
    from ai.feature_store import TensorStore
    from envs.vector_environment import VectorTradingEnvironment

    config = bench.config
    training = _training(setup, config.training)
    bank, reward = DayBank(bench.days, config.simulation), CompositeReward(config.reward, setup.lanes)
    source = bench.episodes(SEED)
    env = VectorTradingEnvironment(bank, config.env, config.simulation, reward, setup.lanes, source, SEED)
    store = TensorStore(bench.features())
    model = network(setup, config.model)
    agent = PPOAgent(training, model, LaneVecEnv(env), store, bench.extractor.schema, SEED)
    times = _Times()
    agent.train([times])
    ppo = agent._ppo  # pyright: ignore[reportPrivateUsage]
    shares = _shares(ppo.train) if setup.profile else {}
    return _measured(setup, times.rollouts, times.updates, ppo.rollout_buffer, shares)


def _training(setup: Setup, base: TrainingConfig) -> TrainingConfig:
    return replace(
        base,
        lanes=setup.lanes,
        n_steps=setup.n_steps,
        batch_size=setup.batch,
        total_steps=setup.rounds * setup.lanes * setup.n_steps,
        n_epochs=setup.passes,
        time_limit_s=0,
        target_kl=0,
        threads=setup.threads,
        device="cpu",
    )


class _Times:
    """Keeps the seconds of the agent's rollouts and updates."""

    def __init__(self) -> None:
        self.rollouts: list[float] = []
        self.updates: list[float] = []

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:  # noqa: ARG002 - a listener gets it
        """One rollout is over."""
        self.rollouts.append(stats[names.ROLLOUT_S.name])
        self.updates.append(stats[names.UPDATE_S.name])


def _shares(update: Callable[[], None]) -> dict[str, float]:
    """What the self CPU time of `update` is spent on."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        update()
    spent = {event.key.removeprefix("aten::"): event.self_cpu_time_total for event in profiled.key_averages()}
    whole = sum(spent.values())
    shares = {
        kind: sum(spent.get(name, 0.0) for name in operators.split()) / whole for kind, operators in KINDS.items()
    }
    return {**shares, DISPATCH: 1 - sum(shares.values())}


def _measured(
    setup: Setup, rollouts: list[float], updates: list[float], buffer: Any, shares: dict[str, float]
) -> Measured:
    kept = [*buffer.observations.values(), *(v for v in vars(buffer).values() if isinstance(v, np.ndarray))]
    rows = setup.lanes * setup.n_steps
    return Measured(
        rows=rows,
        rollout_s=min(rollouts),
        pass_s=min(updates) / setup.passes,
        bytes_per_row=sum(array.nbytes for array in kept) / rows,
        peak_mb=peak_mb(),
        shares=shares,
    )


def _days(setup: Setup) -> BenchDays:
    bench = bench_days(min(setup.days, DISTINCT_DAYS))
    days = [bench.days[i % len(bench.days)] for i in range(setup.days)]
    bench.config.env = replace(bench.config.env, decision_interval_s=setup.interval_s)
    return bench._replace(days=days)


def main(arguments: list[str]) -> int:
    """Measure what the JSON object says and print it."""
    import feature.feature_day as layout

    logging.disable(logging.WARNING)  # the sample market has faults on purpose, which every process would tell about
    setup = Setup(**json.loads(arguments[0]))
    # the public observation holds a minute; a network that looks back further is refused unless it holds more
    layout.HF_WINDOW = max(layout.HF_WINDOW, setup.window)
    import torch

    if setup.threads:
        torch.set_num_threads(setup.threads)
    measured = (windows if setup.variant == "windows" else blocks)(setup, _days(setup))
    print(json.dumps(asdict(measured)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
