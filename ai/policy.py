"""The actor-critic policy: extractor, separate heads, hand-made initial weights of the heads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.distributions import MaskableCategoricalDistribution
from sb3_contrib.common.maskable.policies import MaskableMultiInputActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor, nn, no_grad

from ai.block_cache import CACHE_BYTES
from ai.extractors import BlockExtractor, WindowExtractor
from ai.feature_store import BranchSizes, TensorStore
from ai.market_encoder import MarketEncoder
from config.schema import ModelConfig
from feature.feature_day import HF_WINDOW, LF_WINDOW, MF_WINDOW
from simulators.layout import ACTIONS, SIZES, ActionType, Portfolio

IMPOSSIBLE = -1e8
"""Logit of a masked action: its probability is exactly 0, and gradients stay finite. As in sb3-contrib."""
HOLD = ActionType.HOLD * SIZES
"""The one action that holds; its duplicates are masked."""
POLICY_GAIN = 0.01
"""Initial scale of the action logits: the first policy is near uniform over the allowed actions, but for HOLD."""
VALUE_GAIN = 0.1
"""Initial scale of the values: near zero, so that the first advantages are returns."""
ADAM_EPS = 1e-5
"""stable-baselines3's own, which is lost as soon as any other argument is given to the optimiser."""


class MaskedActions(MaskableCategoricalDistribution):
    """sb3-contrib's distribution of twelve actions, of which some are impossible, in a few tensor operations.

    Logits are masked and normalised once, where torch's Categorical does so three times and checks every argument;
    a NaN is to end the update, not to break it off.
    """

    draw: Callable[[Tensor], Tensor]
    """Actions [B] by their probabilities [B, 12]."""

    def __init__(self, action_dim: int) -> None:
        super().__init__(action_dim)
        self.draw = drawn

    def proba_distribution(self, action_logits: Tensor) -> MaskedActions:
        """The distribution of logits [B, 12]."""
        self._logits, self._log_probs = action_logits, None
        return self

    def apply_masking(self, masks: Any) -> None:
        """Leave only the actions [B, 12] that are true; None leaves all."""
        if masks is not None:
            allowed = torch.as_tensor(masks, dtype=torch.bool, device=self._logits.device).view_as(self._logits)
            self._logits, self._log_probs = torch.where(allowed, self._logits, IMPOSSIBLE), None

    @property
    def log_probs(self) -> Tensor:
        """Log-probabilities [B, 12]."""
        if self._log_probs is None:
            self._log_probs = self._logits.log_softmax(1)
        return self._log_probs

    @property
    def probs(self) -> Tensor:
        """Probabilities [B, 12]; exactly 0 where masked."""
        return self.log_probs.exp()

    def log_prob(self, actions: Tensor) -> Tensor:
        """[B] of actions [B]."""
        return self.log_probs.gather(1, actions.long()[:, None])[:, 0]

    def entropy(self) -> Tensor:
        """[B]"""
        return -(self.probs * self.log_probs).sum(1)

    def sample(self) -> Tensor:
        """Actions [B]."""
        return self.draw(self.probs)

    def mode(self) -> Tensor:
        """Likeliest actions [B]."""
        return self.log_probs.argmax(1)


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

    def extract_features(  # pyright: ignore[reportIncompatibleMethodOverride] - as sb3-contrib narrows it
        self, obs: dict[str, Tensor], features_extractor: BaseFeaturesExtractor | None = None
    ) -> Tensor:
        """Features [B, d], without stable-baselines3's conversion: observations are float32 and indices as they are."""
        return (features_extractor or self.features_extractor)(obs)

    def logits(self, observation: dict[str, Tensor]) -> Tensor:
        """Action logits [B, 12] before masking."""
        return self.action_net(self.mlp_extractor.forward_actor(self.features_extractor(observation)))

    def opinion(self, observation: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Action logits [B, 12] before masking, and values [B]."""
        actor, critic = self.mlp_extractor(self.features_extractor(observation))
        return self.action_net(actor), self.value_net(critic)[:, 0]

    @property
    def encoder(self) -> MarketEncoder:
        """The network in front of the heads, the same behind indices and windows."""
        extractor = self.features_extractor
        assert isinstance(extractor, BlockExtractor | WindowExtractor)
        return extractor.encoder

    def decide(self, observation: dict[str, Tensor], mask: Tensor) -> Tensor:
        """Actions [B], see `likeliest`; mask [B, 12] bool."""
        return likeliest(torch.where(mask, self.logits(observation), IMPOSSIBLE).softmax(1))

    @no_grad()
    def attention(self, observation: dict[str, Tensor]) -> dict[str, Tensor]:
        """What decisions look at: weights and gates by name, as `ai.market_encoder.MarketEncoder.attention` tells.

        Takes index and window observations alike, whichever the policy was made for; for tracking, not for speed.
        """
        extractor = self.features_extractor
        assert isinstance(extractor, BlockExtractor | WindowExtractor)
        return extractor.attention(observation)


def drawn(probabilities: Tensor) -> Tensor:
    """An action for each row [B] by its probabilities [B, 12]. The noise is drawn for all rows at once."""
    return torch.multinomial(probabilities, 1)[:, 0]


def likeliest(probabilities: Tensor) -> Tensor:
    """Actions [B] of probabilities [B, 12]: the likeliest kind (hold, buy, sell), then the likeliest size of that kind.

    The most likely single action would favour HOLD, which has one size where BUY and SELL share theirs among four: a
    policy that wants to sell with 60 % would hold.
    """
    sizes = probabilities.view(-1, len(ActionType), SIZES)
    kind = sizes.sum(2).argmax(1, keepdim=True)
    return (kind * SIZES + sizes.argmax(2).gather(1, kind))[:, 0]


def index_space() -> spaces.Dict:
    """Observation of a lane: `index` (day, second), `portfolio` (see `simulators.layout.Portfolio`)."""
    return spaces.Dict(
        {
            "index": spaces.Box(0, np.iinfo(np.int32).max, (2,), np.int32),
            "portfolio": spaces.Box(-5.0, 5.0, (len(Portfolio),), np.float32),
        }
    )


def window_space(sizes: BranchSizes) -> spaces.Dict:
    """Observation of the public environment: windows `hf`, `mf`, `lf`, `static` and `portfolio`."""
    shapes = {
        "hf": (HF_WINDOW, sizes.hf),
        "mf": (MF_WINDOW, sizes.mf),
        "lf": (LF_WINDOW, sizes.lf),
        "static": (sizes.static,),
        "portfolio": (len(Portfolio),),
    }
    return spaces.Dict({name: spaces.Box(-np.inf, np.inf, shape, np.float32) for name, shape in shapes.items()})


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


def _no_optimizer(*_: Any, **__: Any) -> None:
    """Of a policy that only decides. torch's would import its compiler for nothing: 1.4 s of every process."""


def block_policy(model: ModelConfig, store: TensorStore, *, ahead: int, cache_bytes: int = CACHE_BYTES) -> MarketPolicy:
    """A policy outside of any training algorithm, in evaluation mode."""
    arguments = block_policy_arguments(model, store, ahead=ahead, cache_bytes=cache_bytes)
    arguments["optimizer_class"] = _no_optimizer
    policy = MarketPolicy(index_space(), spaces.Discrete(ACTIONS), lambda _: 0.0, **arguments)
    policy.set_training_mode(False)
    return policy


def window_policy(model: ModelConfig, sizes: BranchSizes) -> MarketPolicy:
    """A policy for the observations of the public environment, e.g. of a live feed, in evaluation mode."""
    arguments: dict[str, Any] = {
        **policy_arguments(model),
        "features_extractor_class": WindowExtractor,
        "features_extractor_kwargs": {"model": model, "every_token": False},
        "optimizer_class": _no_optimizer,
    }
    policy = MarketPolicy(window_space(sizes), spaces.Discrete(ACTIONS), lambda _: 0.0, **arguments)
    policy.set_training_mode(False)
    return policy
