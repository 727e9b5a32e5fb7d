"""Every try of a policy on held-out sessions is noted in the ledger of their split."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from agent.checkpoint import weights_of
from agent.statistics.sessions import Sessions
from agent.trials import Trial, TrialLedger
from config.compose import plain_config
from config.schema import Config, EnvConfig
from utils.hashing import json_hash
from utils.paths import anchored, shown

TRIALS = "trials"
"""Folder of the ledgers in the cache."""
NO_CONDITIONS = ("date", "model", "random_draws", "bootstrap_draws", "tune_days", "rule")
"""Of the backtest's values, those that change nothing for the policy on a day."""


def trial_ledger(config: Config, split: str) -> TrialLedger:
    """The ledger of the split with that hash."""
    return TrialLedger(anchored(config.data.cache) / TRIALS, split)


def note_trial(ledger: TrialLedger, kind: str, model: Path, conditions: str, sessions: Sessions) -> None:
    """Add a try of the saved `model`. conditions: see `conditions`."""
    ledger.append(Trial.of(kind, shown(model), weights_of(model), conditions, sessions))


def conditions(config: Config, env: EnvConfig) -> str:
    """Hash of the market, the account and the choice of days that a policy is tried under.

    env: the environment that it is tried in, which need not be that of `config`.
    """
    plain = plain_config(config)
    chosen = {name: value for name, value in plain["backtest"].items() if name not in NO_CONDITIONS}
    return json_hash([asdict(env), plain["simulation"], plain["scanner"], chosen])
