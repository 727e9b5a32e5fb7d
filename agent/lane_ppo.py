"""stable-baselines3's masked PPO, one rollout and one update at a time."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.buffers import MaskableRolloutBufferSamples
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.utils import explained_variance
from torch import Tensor, nn
from torch.nn import functional

from agent.parallel import World
from agent.rollout_buffer import observation_tensors
from agent.threads import Threads
from ai.policy import MaskedActions

Observations = dict[str, npt.NDArray[Any]]


class MaskedLanes(Protocol):
    """What `LanePPO` asks of its vector environment beyond SB3's `VecEnv`."""

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """[N, actions], true where the coming action is possible; the caller's own."""
        ...


class Measures(NamedTuple):
    """What one minibatch tells about the update: scalars, left on the device."""

    loss: Tensor
    policy_loss: Tensor
    value_loss: Tensor
    entropy: Tensor
    approx_kl: Tensor
    clip_fraction: Tensor


class CutOff(NamedTuple):
    """Where an episode was cut off, and what was observed last."""

    step: int
    lane: int
    observation: Observations


class LanePPO(MaskablePPO):
    """sb3-contrib's algorithm with loops that no lane slows down, that several processes can share, and that can stop
    between rollout and update.

    The parameters are those of sb3-contrib's own `learn`, bit by bit. What differs is when things are asked for:
    nothing is done per lane in an ordinary step, numbers to log are read from the device once per update, and the
    values of episodes that were cut off are computed in one call after the rollout (which may round their last bit
    differently). Callbacks are not called.
    """

    def __init__(self, *args: Any, threads: Threads, world: World | None = None, **kwargs: Any) -> None:
        """threads: what minibatches are computed with; world: the processes that share the work, which the buffer must
        know too; all else as sb3-contrib.
        """
        super().__init__(*args, **kwargs)
        self.threads, self._world = threads, world or World()
        self._actions.draw = lambda probabilities: self._world.draw(probabilities, self.n_envs)
        self.keeps_probabilities = False
        self.log_probabilities: list[Tensor] = []
        """[N, actions] of every step of the last rollout, if `keeps_probabilities`."""

    def begin(self) -> None:
        """Reset the lanes if they have not been, and what SB3 prepares before learning. Counters go on."""
        self._setup_learn(0, None, reset_num_timesteps=False)

    @torch.no_grad()
    def rollout(self) -> None:
        """Fill the buffer with `n_steps` steps of every lane, then compute advantages and returns."""
        env, buffer, policy = self.env, self.rollout_buffer, self._actor_critic
        observation, starts = cast("Observations", self._last_obs), self._last_episode_starts
        assert env is not None
        assert starts is not None
        lanes = cast("MaskedLanes", env)
        policy.set_training_mode(False)
        buffer.reset()
        cut: list[CutOff] = []
        self.log_probabilities.clear()
        for step in range(self.n_steps):
            masks = lanes.action_masks()
            actions, values, log_probs, *kept = self._decide(policy, observation, masks)
            chosen = actions.cpu().numpy()
            self.log_probabilities += kept
            following, rewards, dones, infos = env.step(chosen)
            if dones.any():
                cut += _cut_off(step, dones, infos)
            buffer.add(observation, chosen, rewards, starts, values, log_probs, action_masks=masks)
            observation, starts = cast("Observations", following), dones
        self.num_timesteps += self.n_steps * env.num_envs
        self._last_obs, self._last_episode_starts = observation, starts
        if cut:
            self._bootstrap(cut)
        buffer.compute_returns_and_advantage(self._values(observation), starts)

    def _decide(
        self, policy: MaskableActorCriticPolicy, observation: Observations, masks: npt.NDArray[np.bool_]
    ) -> tuple[Tensor, ...]:
        """Actions, values and log-probabilities [N]; if they are kept, those of all actions [N, actions] too."""
        mine = self._world.share(len(masks))
        actions, values, log_probs = policy(self._rows(observation, mine), action_masks=masks[mine])
        kept = (self._actions.log_probs,) if self.keeps_probabilities else ()
        return self._world.join(len(masks), actions, values.flatten(), log_probs, *kept)

    def _values(self, observation: Observations) -> Tensor:
        """Of the critic [n]."""
        count = len(next(iter(observation.values())))
        mine = self._world.share(count)
        values = torch.zeros(0)  # more processes than rows leave some without any
        if mine.start < mine.stop:
            values = self._actor_critic.predict_values(self._rows(observation, mine)).flatten()
        return self._world.join(count, values)[0]

    def _rows(self, observation: Observations, which: slice) -> dict[str, Tensor]:
        return observation_tensors({name: rows[which] for name, rows in observation.items()}, self.device)

    def train(self) -> None:
        """One update: `n_epochs` passes over the rollout in minibatches, each one step of the optimiser."""
        policy, optimizer = self._actor_critic, self.policy.optimizer
        policy.set_training_mode(True)
        self._update_learning_rate(optimizer)
        measured: list[list[Measures]] = []  # by epoch
        norms: list[Tensor] = []
        stop = False
        while len(measured) < self.n_epochs and not stop:
            measured.append([])
            for batch in self.rollout_buffer.get(self.batch_size):
                with self.threads.minibatch():
                    own = self._measure(policy, batch)
                    means, weight = self._world.average(torch.stack(own).detach(), len(batch.actions))
                    measures = Measures(*means)
                    measured[-1].append(measures)
                    if self.target_kl is not None and measures.approx_kl.item() > 1.5 * self.target_kl:
                        stop = True
                        break
                    optimizer.zero_grad()
                    (own.loss * weight).backward()
                    self._world.add_gradients(policy.parameters())
                    norms.append(nn.utils.clip_grad_norm_(policy.parameters(), self.max_grad_norm))
                    optimizer.step()
        self._n_updates += len(measured)
        self._log(measured, norms)

    def _measure(self, policy: MaskableActorCriticPolicy, batch: MaskableRolloutBufferSamples) -> Measures:
        """The clipped surrogate objective of a minibatch (Schulman et al. 2017, equations 7 and 9), to be minimised.

        Means over the rows of this process.
        """
        clip_range = self._clip_range
        values, log_prob, entropy = policy.evaluate_actions(batch.observations, batch.actions, batch.action_masks)
        assert entropy is not None
        advantages = batch.advantages
        if self.normalize_advantage:
            mean, spread = self._world.moments(advantages)
            advantages = (advantages - mean) / (spread + 1e-8)
        log_ratio = log_prob - batch.old_log_prob
        ratio = log_ratio.exp()
        clipped = ratio.clamp(1 - clip_range, 1 + clip_range)
        policy_loss = -torch.min(advantages * ratio, advantages * clipped).mean()
        value_loss = functional.mse_loss(batch.returns, values.flatten())
        entropy_loss = -entropy.mean()
        with torch.no_grad():
            approx_kl = ((log_ratio.exp() - 1) - log_ratio).mean()  # http://joschu.net/blog/kl-approx.html
            clip_fraction = ((ratio - 1).abs() > clip_range).float().mean()
        loss = policy_loss + self.ent_coef * entropy_loss + self.vf_coef * value_loss
        return Measures(loss, policy_loss, value_loss, -entropy_loss, approx_kl, clip_fraction)

    def _bootstrap(self, cut: list[CutOff]) -> None:
        """Add what the episodes that were cut off would have been worth to their last rewards."""
        steps, lanes, observations = zip(*cut, strict=True)
        last = {name: np.stack([rows[name] for rows in observations]) for name in observations[0]}
        self.rollout_buffer.rewards[steps, lanes] += self.gamma * self._values(last).cpu().numpy()

    def _log(self, measured: list[list[Measures]], norms: list[Tensor]) -> None:
        """Means over the update (approximate KL: over its last pass), as sb3-contrib records them; norms of gradients
        before they were clipped.
        """
        table = torch.stack([torch.stack(row) for epoch in measured for row in epoch]).double().cpu()
        mean = Measures(*table.mean(0))
        last_epoch = Measures(*table[-len(measured[-1]) :].mean(0))
        buffer = self.rollout_buffer
        values = {
            "entropy_loss": -mean.entropy,
            "policy_gradient_loss": mean.policy_loss,
            "value_loss": mean.value_loss,
            "approx_kl": last_epoch.approx_kl,
            "clip_fraction": mean.clip_fraction,
            "loss": Measures(*table[-1]).loss,
            "explained_variance": explained_variance(buffer.values.flatten(), buffer.returns.flatten()),
            "n_updates": self._n_updates,
            "clip_range": self._clip_range,
        }
        if norms:
            values["gradient_norm"] = torch.stack(norms).mean().item()
        for name, value in values.items():
            self.logger.record(f"train/{name}", float(value))

    @property
    def updates(self) -> int:
        """Passes over a rollout so far."""
        return self._n_updates

    @updates.setter
    def updates(self, count: int) -> None:
        self._n_updates = count

    def logged(self) -> dict[str, float]:
        """What was recorded during the update, and forget it."""
        values = {name: float(value) for name, value in self.logger.name_to_value.items()}
        self.logger.dump()
        return values

    @property
    def _clip_range(self) -> float:
        schedule = self.clip_range  # which sb3 makes of the number that it is given
        assert callable(schedule)
        return schedule(self._current_progress_remaining)

    @property
    def _actions(self) -> MaskedActions:
        return cast("MaskedActions", self._actor_critic.action_dist)

    @property
    def _actor_critic(self) -> MaskableActorCriticPolicy:
        policy = self.policy
        assert isinstance(policy, MaskableActorCriticPolicy)
        return policy


def _cut_off(step: int, dones: npt.NDArray[np.bool_], infos: list[dict[str, Any]]) -> list[CutOff]:
    """Episodes that ended at `step` for no reason of their own."""
    return [
        CutOff(step, lane, infos[lane]["terminal_observation"])
        for lane in np.flatnonzero(dones).tolist()
        if infos[lane].get("TimeLimit.truncated", False)
    ]
