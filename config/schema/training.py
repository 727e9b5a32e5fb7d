"""The policy and how it learns."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from config.schema.checks import at_least, one_of, require


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
        one_of("model.normalise", self.normalise, ("fitted", "declared"))


SCHEDULES = ("constant", "linear", "cosine")
"""How a rate goes from its first value to its final one; see agent/schedules.py."""


@dataclass
class TrainingConfig:
    """PPO."""

    lanes: int = MISSING
    total_steps: int = MISSING
    continue_from: str = MISSING  # best, v3 or a folder: a new run that goes on from that model; empty: start afresh
    resume: str = MISSING  # last, or the folder of a run that was interrupted or killed: go on with it, exactly
    other_split: bool = MISSING  # go on from a model that was trained with other sessions held out; else it is refused
    time_limit_s: float = MISSING  # 0: none
    n_steps: int = MISSING  # per lane and rollout
    batch_size: int = MISSING
    n_epochs: int = MISSING
    learning_rate: float = MISSING
    learning_rate_schedule: str = MISSING  # constant | linear | cosine, from learning_rate to final_learning_rate
    final_learning_rate: float = MISSING
    continue_lr_factor: float = MISSING  # of the learning rates, when a new run goes on from a model
    rollback_lr_factor: float = MISSING  # of the learning rates, after training diverged and went back to a checkpoint
    gamma: float = MISSING
    gae_lambda: float = MISSING
    clip_range: float = MISSING
    entropy_coef: float = MISSING
    entropy_schedule: str = MISSING  # constant | linear | cosine, from entropy_coef to final_entropy_coef
    final_entropy_coef: float = MISSING
    value_coef: float = MISSING
    max_grad_norm: float = MISSING
    target_kl: float = MISSING
    advantage_norm: str = MISSING  # rollout: advantages are normalised over the rollout | batch: in each minibatch
    block_rows: int = MISSING  # rows of one minute block that stay together in a minibatch; 1: all rows are shuffled
    processes: int = MISSING  # of this machine, which share lanes and minibatches; torchrun starts those of several
    silence_s: float = MISSING  # seconds after which a process that says nothing counts as lost
    threads: int = MISSING  # torch threads of a process: the same number repeats a run bit by bit; 0: measured at first
    device: str = MISSING  # auto: a GPU where there is one | cpu | cuda
    resident_mb: int = MISSING  # features that a GPU may hold; if they take more, blocks go to it as they are needed
    evaluate_every: int = MISSING  # rollouts between validation runs, beside the training; 0: only at the end
    patience: int = MISSING  # validation runs without a better score after which training stops; 0: never
    checkpoint_every_s: float = MISSING  # seconds between checkpoints; 0: only when interrupted and at the end
    keep_checkpoints: int = MISSING  # newest ones that stay in the run's folder
    sync_to: str = MISSING  # a second folder that gets the checkpoints too, e.g. on another disk; empty: none
    log_every_s: float = MISSING
    keep_best: int = MISSING  # registered models that stay, by validation score; of real and of synthetic days each

    def __post_init__(self) -> None:
        for name in ("learning_rate_schedule", "entropy_schedule"):
            one_of(f"training.{name}", getattr(self, name), SCHEDULES)
        one_of("training.device", self.device, ("auto", "cpu", "cuda"))
        one_of("training.advantage_norm", self.advantage_norm, ("rollout", "batch"))
        at_least("training", self, 0, "resident_mb", "evaluate_every", "patience", "checkpoint_every_s")
        at_least("training", self, 1, "keep_checkpoints", "keep_best", "processes", "silence_s")
        require(
            not (self.patience and not self.evaluate_every),
            f"training.patience is {self.patience} but training.evaluate_every is 0; use 1 or more for both",
        )
        require(
            self.n_steps * self.lanes >= self.batch_size,
            f"training.batch_size ({self.batch_size}) exceeds n_steps * lanes ({self.n_steps * self.lanes})",
        )
