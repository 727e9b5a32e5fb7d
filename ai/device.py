"""Which device the network runs on."""

from __future__ import annotations

import torch

from utils.errors import ConfigError


def open_device(name: str) -> torch.device:
    """`auto` (a GPU if there is one), `cpu`, `cuda` or `cuda:N`. Raises ConfigError for a GPU that is not there."""
    gpus = torch.cuda.device_count()
    if name == "auto":
        name = "cuda" if gpus else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= gpus:
        raise ConfigError(
            f"training.device is {name}, and torch {torch.__version__} finds {gpus} GPUs here",
            fix="training.device=auto",
        )
    return device
