"""What a short training makes of a reward where there is nothing to be learnt: the market is a martingale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.policy_runner import PolicyRunner
from agent.ppo_agent import PPOAgent
from agent.vec_env import LaneVecEnv
from ai.feature_store import TensorStore
from config.schema import Config, RewardConfig
from data.market_day import MarketDay
from envs.episodes import UniformEpisodes
from envs.vector_environment import VectorTradingEnvironment
from feature.extractor import FeatureExtractor
from rewards.composite import CompositeReward
from scripts.audit_rewards.adversaries import FIRST, LAST, LENGTH, Actions, Adversary, anywhere
from scripts.audit_rewards.hunt import Outcome, hunt
from scripts.progress import counted
from simulators.day_bank import DayBank
from utils.paths import anchored
from utils.seeding import stream

NAME = "short training"


class School:
    """Days with their features, for trainings with one reward after the other."""

    def __init__(self, days: Sequence[MarketDay], config: Config, log_every_s: float) -> None:
        extractor = FeatureExtractor(config.feature, anchored(config.data.cache))
        self._days, self._config = list(days), config
        features = [extractor.day(day) for day in counted(self._days, "features", log_every_s)]
        self._schema, self._store = extractor.schema, TensorStore(features)

    def learn(self, name: str, reward: RewardConfig, steps: int, lanes: int) -> Outcome:
        """Train for `steps` steps and trade `lanes` episodes of the same days, decisions drawn as in training."""
        config, training = self._config, replace(self._config.training, total_steps=steps, time_limit_s=0)
        source = UniformEpisodes(config.seed, len(self._days), first=FIRST, last=LAST, length=(LENGTH // 3, LENGTH))
        env = VectorTradingEnvironment(
            DayBank(self._days, config.simulation),
            config.env,
            config.simulation,
            CompositeReward(reward, training.lanes),
            training.lanes,
            source,
            config.seed,
        )
        agent = PPOAgent(training, config.model, LaneVecEnv(env), self._store, self._schema, config.seed)
        agent.train()
        policy, random = PolicyRunner.of(agent, self._store), stream(config.seed, "audit", "learner")

        def act(traded: VectorTradingEnvironment) -> Actions:
            chances = policy.distribution(traded.index, traded.portfolio, traded.action_mask).cumsum(axis=1)
            return (chances > random.random((lanes, 1)) * chances[:, -1:]).argmax(axis=1)

        learnt = Adversary(name=NAME, about="PPO on this very reward", words=(), episodes=anywhere, act=act)
        return hunt(learnt, self._days, config, {name: reward}, lanes)[-1]
