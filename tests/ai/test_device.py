from __future__ import annotations

import pytest
import torch

from ai.device import open_device
from utils.errors import ConfigError


def test_auto_takes_a_gpu_where_there_is_one() -> None:
    assert open_device("cpu").type == "cpu"
    assert open_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_gpu_that_is_not_there_is_refused() -> None:
    """stable-baselines3 would go on with the CPU and say nothing."""
    with pytest.raises(ConfigError, match=r"training\.device is cuda:64"):
        open_device("cuda:64")
