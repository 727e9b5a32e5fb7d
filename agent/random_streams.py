"""The random numbers of training: streams of its own, whatever else draws in between, and saved without pickle."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from utils.seeding import key, stream


class TrainingStreams:
    """`minibatches` orders rows; torch's global generators, which SB3 samples actions with, are lent inside `use`.

    Validation, logging or a second agent may draw from torch in between: the actions stay the same.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self.minibatches = stream(seed, "minibatches")
        self._device = device
        self._torch: dict[str, Tensor] = {}
        with self._forked():
            torch.manual_seed(key(seed, "actions") % 2**63)
            self._keep()

    @contextlib.contextmanager
    def use(self) -> Generator[None]:
        """Within the block torch's generators are this stream's; afterwards they are as before."""
        with self._forked():
            self._put()
            yield
            self._keep()

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """As plain data and tensors; Python's and numpy's global generators are included."""
        version, words, gauss = random.getstate()
        kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)  # noqa: NPY002 - SB3 may draw from it
        plain = {
            "python": [version, list(words), gauss],
            "numpy": [kind, np.asarray(keys).tolist(), int(position), int(has_gauss), float(cached)],
            "minibatches": self.minibatches.bit_generator.state,
        }
        return plain, {f"random.{name}": state.clone() for name, state in self._torch.items()}

    def load_state(self, plain: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Inverse of `state`. A state saved on a CPU leaves a GPU's generator as it is."""
        version, words, gauss = plain["python"]
        random.setstate((version, tuple(words), gauss))
        kind, keys, *rest = plain["numpy"]
        np.random.set_state((kind, np.array(keys, np.uint32), *rest))  # noqa: NPY002 - as above
        self.minibatches.bit_generator.state = plain["minibatches"]
        for name in self._torch:
            if f"random.{name}" in tensors:
                self._torch[name] = tensors[f"random.{name}"].clone()

    def _forked(self) -> contextlib.AbstractContextManager[None]:
        devices = [self._device] if self._device.type == "cuda" else []
        return torch.random.fork_rng(devices=devices)

    def _keep(self) -> None:
        self._torch["cpu"] = torch.get_rng_state()
        if self._device.type == "cuda":
            self._torch["cuda"] = torch.cuda.get_rng_state(self._device)

    def _put(self) -> None:
        torch.set_rng_state(self._torch["cpu"])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(self._torch["cuda"], self._device)
