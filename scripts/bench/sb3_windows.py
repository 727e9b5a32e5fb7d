"""`python -m scripts.bench.sb3_windows {windows,blocks}`: one way of training in a process of its own, one JSON line.

`windows` is what plain stable-baselines3 does: masked PPO, 8 environments in a DummyVecEnv, batches of 256, whole
windows in the rollout buffer, encoded again for every step and epoch. `blocks` is this project's agent. Same days,
network sizes and epochs. A process each, as the peak memory of a process never falls.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from envs.episodes import UniformEpisodes
from metrics import registry as names
from rewards.composite import CompositeReward
from scripts.bench.days import BenchDays, bench_days
from simulators.day_bank import DayBank
from utils.paths import ROOT

DAYS = 4
SEED = 0
PLAIN_LANES = 8
PLAIN_BATCH = 256
BATCH = 4096
EPOCHS = 10


@dataclass(frozen=True)
class Measured:
    """Speed of training, of which `rollout` without updates, and peak memory of the process."""

    steps_per_s: float
    rollout_steps_per_s: float
    peak_mb: float


def windows(bench: BenchDays, n_steps: int, rounds: int, threads: int, epochs: int) -> Measured:
    """Plain stable-baselines3 on window observations; every token of every window through every layer."""
    import torch
    from sb3_contrib import MaskablePPO
    from stable_baselines3.common.vec_env import DummyVecEnv

    from ai.extractors import WindowExtractor
    from envs.trading_environment import TradingEnvironment

    torch.set_num_threads(threads)
    config, features = bench.config, bench.features()

    def make(lane: int) -> TradingEnvironment:
        return TradingEnvironment(
            DayBank(bench.days, config.simulation),
            features,
            config.env,
            config.simulation,
            CompositeReward(config.reward, 1),
            _source(bench, SEED + lane),
            SEED + lane,
        )

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

    hidden = list(config.model.hidden)
    ppo = Timed(
        "MultiInputPolicy",
        DummyVecEnv([lambda lane=lane: make(lane) for lane in range(PLAIN_LANES)]),
        n_steps=n_steps,
        batch_size=PLAIN_BATCH,
        n_epochs=epochs,
        policy_kwargs={
            "net_arch": {"pi": hidden, "vf": hidden},
            "ortho_init": False,
            "features_extractor_class": WindowExtractor,
            "features_extractor_kwargs": {"model": config.model, "every_token": True},
        },
        seed=SEED,
        device="cpu",
    )
    ppo.learn(rounds * PLAIN_LANES * n_steps, log_interval=sys.maxsize)
    return _measured(PLAIN_LANES * n_steps, ppo.rollouts, ppo.updates)


def blocks(bench: BenchDays, n_steps: int, rounds: int, threads: int, epochs: int) -> Measured:
    """This project's agent with its own configuration, every lane with its own clock."""
    from agent.ppo_agent import PPOAgent
    from agent.vec_env import LaneVecEnv
    from ai.feature_store import TensorStore
    from envs.vector_environment import VectorTradingEnvironment

    config = bench.config
    lanes = config.training.lanes
    training = replace(
        config.training,
        n_steps=n_steps,
        batch_size=BATCH,
        total_steps=rounds * lanes * n_steps,
        time_limit_s=0,
        n_epochs=epochs,
        target_kl=0,
        threads=threads,
        device="cpu",
    )
    env = VectorTradingEnvironment(
        DayBank(bench.days, config.simulation),
        config.env,
        config.simulation,
        CompositeReward(config.reward, lanes),
        lanes,
        _source(bench, SEED),
        SEED,
    )
    store = TensorStore(bench.features())
    agent = PPOAgent(training, config.model, LaneVecEnv(env), store, bench.extractor.schema, SEED)
    times = _Times()
    agent.train([times])
    return _measured(lanes * n_steps, times.rollouts, times.updates)


class _Times:
    """Keeps the seconds of the agent's rollouts and updates."""

    def __init__(self) -> None:
        self.rollouts: list[float] = []
        self.updates: list[float] = []

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:  # noqa: ARG002 - a listener gets it
        """One rollout is over."""
        self.rollouts.append(stats[names.ROLLOUT_S.name])
        self.updates.append(stats[names.UPDATE_S.name])


def measure(
    variant: str, n_steps: int, rounds: int, threads: int, *, epochs: int = EPOCHS, interval_s: int = 1
) -> Measured:
    """Run this file in a child process, with a decision every `interval_s` seconds."""
    options = [variant, *map(str, (n_steps, rounds, threads, epochs, interval_s))]
    command = [sys.executable, "-m", "scripts.bench.sb3_windows", *options]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def _measured(rows: int, rollouts: list[float], updates: list[float]) -> Measured:
    """Figures from seconds per rollout and update: the fastest of each, as other processes only ever add."""
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rollout, update = min(rollouts), min(updates)
    return Measured(rows / (rollout + update), rows / rollout, peak_kib / 1024)


def _source(bench: BenchDays, seed: int) -> UniformEpisodes:
    return UniformEpisodes(seed, len(bench.days), first=20_000, last=38_000, length=(900, 2_400))


def main(arguments: list[str]) -> int:
    """Measure one variant and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variant", choices=("windows", "blocks"))
    parser.add_argument("n_steps", type=int, help="steps per lane and rollout")
    parser.add_argument("rounds", type=int, help="rollouts; the fastest counts")
    parser.add_argument("threads", type=int)
    parser.add_argument("epochs", type=int, nargs="?", default=EPOCHS)
    parser.add_argument("interval_s", type=int, nargs="?", default=1, help="seconds between decisions")
    options = parser.parse_args(arguments)
    bench = bench_days(DAYS)
    bench.config.env = replace(bench.config.env, decision_interval_s=options.interval_s)
    variant = windows if options.variant == "windows" else blocks
    measured = variant(bench, options.n_steps, options.rounds, options.threads, options.epochs)
    print(json.dumps(asdict(measured)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
