"""The command line on a sample market of a few seconds, everything below one folder."""

from __future__ import annotations

from pathlib import Path

SYMBOLS = ("MLGO", "KZIA", "SNTI")
SESSIONS = 10


def places(folder: Path) -> list[str]:
    """Overrides that keep all that a run reads and writes below `folder`."""
    return [
        f"data.folder={folder / 'dnb'}",
        f"data.cache={folder / 'cache'}",
        f"sample.folder={folder / 'sample'}",
        f"runs={folder / 'runs'}",
        f"models={folder / 'models'}",
    ]


def small(folder: Path) -> list[str]:
    """Overrides for a market of three symbols and ten sessions below `folder`."""
    return [
        *places(folder),
        f"sample.symbols=[{','.join(SYMBOLS)}]",
        f"sample.sessions={SESSIONS}",
        "sample.active_share=0.6",
        "sample.split_session=3",
        "scanner.workers=1",
        "scanner.trigger.min_gain=0.02",
        "scanner.trigger.min_dollar_volume=0",
        "scanner.trigger.min_rvol=0",
        "scanner.trigger.max_float=0",
    ]


def tiny_training(seconds: float = 4.0) -> list[str]:
    """Overrides for a training run of a few seconds."""
    return [
        "training.lanes=8",
        "training.n_steps=64",
        "training.batch_size=256",
        "training.n_epochs=2",
        f"training.time_limit_s={seconds}",
        "training.total_steps=1000000",
        "training.threads=1",
        "model.d_model=16",
        "model.heads=2",
        "model.ffn=32",
        "model.hidden=[16]",
        "backtest.random_draws=2",
        "backtest.bootstrap_draws=100",
        "explain.every=0",
        "explain.trades=0",
    ]
