"""What the processes of a training do that do not write: the same as process 0, with nobody to tell."""

from __future__ import annotations

from agent.parallel import World
from agent.ppo_agent import PPOAgent
from config.plugins import import_plugins
from config.schema import Config
from scripts.listeners import Start
from scripts.pipeline import open_market
from scripts.training import Learner, open_learner


class Following:
    """Learns as the running stage of the curriculum wants it."""

    def __init__(self, learner: Learner) -> None:
        self._agent: PPOAgent = learner.agent
        self._curriculum = learner.curriculum
        self._agent.adjust(self._curriculum.batch)

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:  # noqa: ARG002 - every listener is told
        """What `scripts.listeners.Recorder` does for process 0."""
        self._agent.adjust(self._curriculum.batch)


def train_along(config: Config, world: World) -> int:
    """Train by the configuration of process 0, from where it starts to where it stops; `config` is this
    process's own. Returns the exit code, 0 even if a signal ended it: process 0 has work to do then, and whoever
    started the processes would take another code for a failure.
    """
    with world.leader_first():
        config = world.first(config)
    import_plugins(config.plugins)
    learner = open_learner(config, open_market(config), None, world)
    start: Start | None = world.first(None)
    if start is not None:
        start.put(learner.agent, learner.episodes)
    learner.agent.train([Following(learner)])
    return 0
