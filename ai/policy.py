"""The actor-critic policy: extractor, separate heads, hand-made initial weights of the heads."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from sb3_contrib.common.maskable.distributions import MaskableCategorical, MaskableCategoricalDistribution
from sb3_contrib.common.maskable.policies import MaskableMultiInputActorCriticPolicy
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor, nn, no_grad

from ai.block_cache import CACHE_BYTES
from ai.extractors import BlockExtractor
from ai.feature_store import TensorStore
from config.schema import ModelConfig
from simulators.layout import ACTIONS, SIZES, ActionType, Portfolio

HOLD = ActionType.HOLD * SIZES
"""The one action that holds; its duplicates are masked."""
POLICY_GAIN = 0.01
"""Initial scale of the action logits: the first policy is near uniform over the allowed actions, but for HOLD."""
VALUE_GAIN = 0.1
"""Initial scale of the values: near zero, so that the first advantages are returns."""
ADAM_EPS = 1e-5
"""stable-baselines3's own, which is lost as soon as any other argument is given to the optimiser."""


class MaskedActions(MaskableCategoricalDistribution):
    """Without torch's checks of every argument: they cost time, and a NaN is to end the update, not to break it off."""

    def proba_distribution(self, action_logits: Tensor) -> MaskedActions:
        """The distribution of logits [B, 12]."""
        self.distribution = MaskableCategorical(logits=action_logits, validate_args=False)
        return self


class MarketPolicy(MaskableMultiInputActorCriticPolicy):
    """Masked actor-critic policy whose heads start small.

    stable-baselines3's `ortho_init` must stay off: it would initialise every linear layer of the extractor again.
    """

    def __init__(self, *args: Any, hold_bias: float, **kwargs: Any) -> None:
        """hold_bias: initial logit of HOLD.

        A policy that starts uniform trades at almost every decision, and all it can learn from that is that trading
        costs. One that mostly holds keeps positions about as long as moves take, and sees which entries paid.
        """
        self._hold_bias = hold_bias
        super().__init__(*args, **kwargs)

    def _build(self, lr_schedule: Schedule) -> None:
        self.action_dist = MaskedActions(ACTIONS)
        super()._build(lr_schedule)
        hidden = [layer for layer in self.mlp_extractor.modules() if isinstance(layer, nn.Linear)]
        gains = [(layer, float(np.sqrt(2))) for layer in hidden]
        assert isinstance(self.action_net, nn.Linear)
        for layer, gain in [*gains, (self.action_net, POLICY_GAIN), (self.value_net, VALUE_GAIN)]:
            nn.init.orthogonal_(layer.weight, gain)
            nn.init.zeros_(layer.bias)
        with no_grad():
            self.action_net.bias[HOLD] = self._hold_bias

    def logits(self, observation: dict[str, Tensor]) -> Tensor:
        """Action logits [B, 12] before masking."""
        return self.action_net(self.mlp_extractor.forward_actor(self.features_extractor(observation)))


def index_space() -> spaces.Dict:
    """Observation of a lane: `index` (day, second), `portfolio` (see `simulators.layout.Portfolio`)."""
    return spaces.Dict(
        {
            "index": spaces.Box(0, np.iinfo(np.int32).max, (2,), np.int32),
            "portfolio": spaces.Box(-5.0, 5.0, (len(Portfolio),), np.float32),
        }
    )


def policy_arguments(model: ModelConfig) -> dict[str, Any]:
    """`policy_kwargs` of every policy of this project but the extractor."""
    hidden = list(model.hidden)
    return {
        "net_arch": {"pi": hidden, "vf": hidden},
        "ortho_init": False,
        "hold_bias": model.hold_bias,
        "optimizer_kwargs": {"eps": ADAM_EPS, "fused": True},
    }


def block_policy_arguments(
    model: ModelConfig, store: TensorStore, *, ahead: int, cache_bytes: int = CACHE_BYTES
) -> dict[str, Any]:
    """`policy_kwargs` of a policy that reads `store` by index; `ahead` as in `BlockExtractor`."""
    extractor = {"store": store.key, "model": model, "ahead": ahead, "cache_bytes": cache_bytes}
    return {
        **policy_arguments(model),
        "features_extractor_class": BlockExtractor,
        "features_extractor_kwargs": extractor,
    }


def block_policy(model: ModelConfig, store: TensorStore, *, ahead: int, cache_bytes: int = CACHE_BYTES) -> MarketPolicy:
    """A policy outside of any training algorithm, in evaluation mode."""
    arguments = block_policy_arguments(model, store, ahead=ahead, cache_bytes=cache_bytes)
    policy = MarketPolicy(index_space(), spaces.Discrete(ACTIONS), lambda _: 0.0, **arguments)
    policy.set_training_mode(False)
    return policy
