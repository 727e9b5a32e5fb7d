"""stable-baselines3's masked PPO, one rollout and one update at a time."""

from __future__ import annotations

from sb3_contrib import MaskablePPO
from stable_baselines3.common.callbacks import BaseCallback


class LanePPO(MaskablePPO):
    """sb3-contrib's algorithm, one rollout and update at a time: its own `learn` cannot stop between the two."""

    def begin(self) -> BaseCallback:
        """Reset the lanes if they have not been, and what SB3 prepares before learning. Counters go on."""
        return self._setup_learn(0, None, reset_num_timesteps=False)[1]

    def rollout(self, callback: BaseCallback) -> None:
        """Fill the rollout buffer."""
        assert self.env is not None
        self.collect_rollouts(self.env, callback, self.rollout_buffer, self.n_steps)

    @property
    def updates(self) -> int:
        """Passes over a rollout so far."""
        return self._n_updates

    @updates.setter
    def updates(self, count: int) -> None:
        self._n_updates = count

    def logged(self) -> dict[str, float]:
        """What SB3 recorded during the update, and forget it."""
        values = {name: float(value) for name, value in self.logger.name_to_value.items()}
        self.logger.dump()
        return values
