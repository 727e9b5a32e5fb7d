"""Saved agents without pickle: safetensors for numbers, JSON for the rest, a manifest of SHA-256 sums over all.

A registered model and a run's checkpoint are the same folder of files: what decides (policy, model) is read to use it,
the rest (state, run) to train on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from utils.atomic import new_folder
from utils.errors import ModelError
from utils.paths import shown

FORMAT = 2
POLICY = "policy.safetensors"
STATE = "state.safetensors"
META = "model.json"
RUN = "run.json"
MANIFEST = "manifest.json"
TO_USE = (POLICY, META)
"""Files that a policy needs at work; training reads all of ALL."""
ALL = (POLICY, STATE, META, RUN)


class Checkpoint(NamedTuple):
    """An agent between two rollouts, with all that its training goes on from."""

    weights: dict[str, Tensor]
    """By parameter name of the policy."""
    meta: dict[str, Any]
    """What the weights are: network, feature schema, steps. Plain data."""
    state: dict[str, Tensor]
    """Numbers that only training needs: optimiser moments, torch's random state, running episodes."""
    run: dict[str, Any]
    """Plain data that only training needs: counters, random streams, curriculum, evaluations."""


def save_checkpoint(folder: Path, checkpoint: Checkpoint, *, durable: bool = True) -> None:
    """Write `folder`, whole or not at all; it must not exist (or be empty). OSError if the disk refuses.

    durable: see `utils.atomic.new_folder`.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise ModelError("there is something where the model is to be saved", where=shown(folder))
    with new_folder(folder, durable=durable) as made:
        _save_tensors(made / POLICY, checkpoint.weights)
        _save_tensors(made / STATE, checkpoint.state)
        (made / META).write_text(json.dumps({"format": FORMAT, **checkpoint.meta}, indent=1, allow_nan=False))
        (made / RUN).write_text(json.dumps(checkpoint.run, allow_nan=False))
        sums = {name: _sha256(made / name) for name in ALL}
        (made / MANIFEST).write_text(json.dumps(sums, indent=1))


def load_checkpoint(folder: Path, *, training: bool) -> Checkpoint:
    """Read and verify a saved agent; `training` also reads what only training needs.

    Raises ModelError if a file is missing, was changed or has another format.
    """
    sums = _json(folder, MANIFEST)
    for name in ALL if training else TO_USE:
        path = folder / name
        if not path.is_file():
            raise ModelError(f"{name} is missing in the saved model", where=shown(folder), fix="use another version")
        if sums.get(name) != _sha256(path):
            raise ModelError(f"{name} is damaged: its SHA-256 is not the one in {MANIFEST}", where=shown(folder))
    meta = _json(folder, META)
    if meta.get("format") != FORMAT:
        raise ModelError(
            f"saved models of format {meta.get('format')} cannot be read, only {FORMAT}",
            where=shown(folder),
            fix="train again, or use the version of this software that saved it",
        )
    state = _load_tensors(folder / STATE) if training else {}
    return Checkpoint(_load_tensors(folder / POLICY), meta, state, _json(folder, RUN) if training else {})


def weights_of(folder: Path) -> str:
    """`parameters_sha256` of a saved agent. Raises ModelError if it is damaged."""
    return str(load_checkpoint(folder, training=False).meta["parameters_sha256"])


def parameters_sha256(module: nn.Module) -> str:
    """SHA-256 over names and bytes of all parameters, independent of the device."""
    digest = hashlib.sha256()
    for name, parameter in sorted(module.named_parameters()):
        digest.update(name.encode() + b"\0")
        digest.update(parameter.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def put_weights(module: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Copy `weights` into the parameters of the same names. Raises ModelError naming what does not fit."""
    mine = dict(module.named_parameters())
    missing = sorted(mine.keys() - weights.keys())
    extra = sorted(weights.keys() - mine.keys())
    shapes = [
        f"{n} {tuple(weights[n].shape)}" for n in sorted(mine.keys() & weights) if weights[n].shape != mine[n].shape
    ]
    if missing or extra or shapes:
        parts = {"missing": missing, "unknown": extra, "of another shape": shapes}
        text = "; ".join(f"{what}: {', '.join(names[:3])}" for what, names in parts.items() if names)
        raise ModelError(
            f"the saved weights do not fit the network: {text}", where=where, fix="use the model's own config"
        )
    with torch.no_grad():
        for name, parameter in mine.items():
            parameter.copy_(weights[name])
    module.train(True)  # empties the extractor's cache of encodings
    module.train(False)


# ---------------------------------------------------------------- optimiser
def optimizer_tensors(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """A copy of the optimiser's state as "optimizer.<entry>/<parameter>"."""
    names = [name for name, _ in module.named_parameters()]
    state: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    return {f"optimizer.{entry}/{names[i]}": v.clone() for i, entries in state.items() for entry, v in entries.items()}


def put_optimizer(module: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Inverse of `optimizer_tensors`; learning rates stay as they are."""
    place = {name: i for i, (name, _) in enumerate(module.named_parameters())}
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            entry, name = key.removeprefix("optimizer.").split("/", 1)
            state.setdefault(place[name], {})[entry] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


# ---------------------------------------------------------------- files
def _save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    try:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path)
    except SafetensorError as why:  # what the system said is in its text only
        raise OSError(str(why)) from why


def _load_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as why:
        raise ModelError(f"{path.name} is damaged: {why}", where=shown(path.parent)) from why


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _json(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    if not path.is_file():
        raise ModelError(
            f"no saved model: {name} is not there", where=shown(folder), fix="train one, or name another version"
        )
    try:
        told = json.loads(path.read_text())
    except (ValueError, RecursionError) as why:
        raise ModelError(f"{name} is damaged: {why}", where=shown(folder)) from why
    if not isinstance(told, dict):
        raise ModelError(f"{name} is damaged: it holds no keys", where=shown(folder))
    return cast("dict[str, Any]", told)
