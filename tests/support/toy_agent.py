"""A small agent on the toy lanes."""

from __future__ import annotations

from functools import cache
from typing import Any

from agent.parallel import World
from agent.ppo_agent import PPOAgent
from agent.vec_env import LaneVecEnv
from ai.feature_store import TensorStore
from config.schema import ModelConfig, TrainingConfig
from feature.feature_day import BRANCHES, FeatureDay
from feature.registry import FeatureSchema
from tests.support.made_features import SIZES, made_features
from tests.support.toy_lanes import ToyLanes

MODEL = ModelConfig(
    d_model=16, heads=2, layers=2, ffn=32, hf_band=30, mf_band=15, hidden=[16], hold_bias=0.0, normalise="fitted"
)
LANES = 8
_NAMES = {branch: tuple(f"{branch}_{i}" for i in range(size)) for branch, size in zip(BRANCHES, SIZES, strict=True)}
SCHEMA = FeatureSchema(_NAMES, {name: "1" for names in _NAMES.values() for name in names})


@cache
def toy_days() -> tuple[FeatureDay, ...]:
    """Two days of noise."""
    return tuple(made_features(seed, schema_hash=SCHEMA.hash) for seed in (1, 2))


@cache
def toy_store() -> TensorStore:
    """The store of `toy_days`."""
    return TensorStore(toy_days())


def training(**changes: Any) -> TrainingConfig:
    """Two rollouts of 8 x 32 steps unless changed."""
    values: dict[str, Any] = {
        "lanes": LANES,
        "total_steps": 2 * LANES * 32,
        "continue_from": "",
        "resume": "",
        "time_limit_s": 0,
        "n_steps": 32,
        "batch_size": 128,
        "n_epochs": 2,
        "learning_rate": 1e-3,
        "learning_rate_schedule": "linear",
        "final_learning_rate": 1e-4,
        "continue_lr_factor": 0.3,
        "rollback_lr_factor": 0.5,
        "gamma": 0.9,
        "gae_lambda": 0.9,
        "clip_range": 0.2,
        "entropy_coef": 0.003,
        "entropy_schedule": "linear",
        "final_entropy_coef": 0.003,
        "value_coef": 0.5,
        "max_grad_norm": 0.5,
        "target_kl": 0,
        "advantage_norm": "rollout",
        "block_rows": 60,
        "processes": 1,
        "silence_s": 60,
        "threads": 1,
        "device": "cpu",
        "resident_mb": 0,
        "evaluate_every": 0,
        "patience": 0,
        "checkpoint_every_s": 0,
        "keep_checkpoints": 3,
        "sync_to": "",
        "log_every_s": 10,
        "keep_best": 5,
    }
    return TrainingConfig(**{**values, **changes})


def toy_agent(
    seed: int = 0,
    model: ModelConfig = MODEL,
    schema: FeatureSchema = SCHEMA,
    world: World | None = None,
    **changes: Any,
) -> PPOAgent:
    """An agent on fresh lanes."""
    config = training(**changes)
    lanes = ToyLanes(toy_days(), config.lanes, seed, (20, 60))
    return PPOAgent(config, model, LaneVecEnv(lanes), toy_store(), schema, seed, world)
