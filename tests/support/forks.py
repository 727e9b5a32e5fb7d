"""Where processes of tests come from that are to be killed, starved, or just begun often.

They are forked from a server that has imported everything and done nothing: no time goes into imports, and no locks of
threads are copied. There is one such server in a process, whoever asks first: what it imports stands here.
"""

from __future__ import annotations

import multiprocessing

PRELOADED = [
    "agent.checkpoint_store",
    "agent.ppo_agent",
    "main",
    "optuna_optimization",
    "pytest",
    "scripts.backtesting",
    "scripts.download",
    "scripts.evaluate",
    "scripts.optimise.pictures",
    "scripts.optimise.workers",
    "scripts.pipeline",
    "scripts.publishing",
    "scripts.training",
]
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(PRELOADED)
