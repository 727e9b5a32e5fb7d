"""The policy and how it learns."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from config.schema.checks import require


@dataclass
class ModelConfig:
    """The multi-branch transformer."""

    d_model: int = MISSING
    heads: int = MISSING
    layers: int = MISSING
    ffn: int = MISSING
    hf_band: int = MISSING  # keys a token sees, per layer
    mf_band: int = MISSING
    hidden: list[int] = MISSING  # of the policy and value heads
    hold_bias: float = MISSING  # initial logit of HOLD; the other actions start near 0
    normalise: str = MISSING  # fitted: inputs are scaled as they spread on the training days | declared: not again

    def __post_init__(self) -> None:
        require(
            self.normalise in ("fitted", "declared"), f"model.normalise is {self.normalise!r}; use fitted or declared"
        )


@dataclass
class TrainingConfig:
    """PPO."""

    lanes: int = MISSING
    total_steps: int = MISSING
    continue_from: str = MISSING  # best, v3 or a folder: go on with that model; empty: start afresh
    other_split: bool = MISSING  # go on from a model that was trained with other sessions held out; else it is refused
    time_limit_s: float = MISSING  # 0: none
    n_steps: int = MISSING  # per lane and rollout
    batch_size: int = MISSING
    n_epochs: int = MISSING
    learning_rate: float = MISSING
    final_learning_rate: float = MISSING  # linear schedule
    continue_lr_factor: float = MISSING  # of the learning rates, when training is continued
    gamma: float = MISSING
    gae_lambda: float = MISSING
    clip_range: float = MISSING
    entropy_coef: float = MISSING
    final_entropy_coef: float = MISSING  # linear schedule
    value_coef: float = MISSING
    max_grad_norm: float = MISSING
    target_kl: float = MISSING
    block_rows: int = MISSING  # rows of one minute block that stay together in a minibatch
    threads: int = MISSING  # torch threads; 0: torch's choice
    device: str = MISSING
    evaluate_every: int = MISSING  # rollouts between validation runs; 0: only at the end
    log_every_s: float = MISSING
    keep_best: int = MISSING

    def __post_init__(self) -> None:
        require(
            self.n_steps * self.lanes >= self.batch_size,
            f"training.batch_size ({self.batch_size}) exceeds n_steps * lanes ({self.n_steps * self.lanes})",
        )
