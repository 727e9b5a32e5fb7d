"""Saved models: what somebody else may send. Sums are made to fit, so that every damage gets past them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import torch

from agent.checkpoint import ALL, MANIFEST, Checkpoint, load_checkpoint, save_checkpoint
from scripts.fuzz.mutations import mutated
from scripts.fuzz.target import Draw, Target

HONEST = 0.3
"""Share of inputs whose manifest is left as it was."""
FILES = (*ALL, MANIFEST)


def _seeds(folder: Path) -> list[bytes]:
    """One small checkpoint, its files one after the other, each behind its length."""
    weights = {"encoder.weight": torch.arange(12.0).reshape(3, 4), "head.bias": torch.zeros(2, dtype=torch.float64)}
    state = {"optimizer.exp_avg/head.bias": torch.ones(2), "random": torch.arange(8, dtype=torch.uint8)}
    meta = {"steps": 12, "seed": 0, "model": {"d_model": 4}, "features": {"hf": ["ofi"]}}
    place = folder / "seed"
    save_checkpoint(place, Checkpoint(weights, meta, state, {"progress": {"steps": 12}}), durable=False)
    return [_packed([(place / name).read_bytes() for name in FILES])]


def _packed(files: Sequence[bytes]) -> bytes:
    return b"".join(len(content).to_bytes(4, "little") + content for content in files)


def _unpacked(data: bytes) -> list[bytes]:
    files: list[bytes] = []
    while data:
        end = 4 + int.from_bytes(data[:4], "little")
        files.append(data[4:end])
        data = data[end:]
    return files


def _draw(seeds: Sequence[bytes], draw: Draw) -> bytes:
    files = _unpacked(seeds[0])
    at = int(draw.integers(len(files)))
    files[at] = mutated(files[at], draw, files)
    if at < len(ALL) and draw.random() >= HONEST:
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in zip(ALL, files, strict=False)}
        files[-1] = json.dumps(sums).encode()
    return _packed(files)


def _read(data: bytes, folder: Path) -> str:
    place = folder / "model"
    place.mkdir(exist_ok=True)
    for name, content in zip(FILES, _unpacked(data), strict=False):
        (place / name).write_bytes(content)
    load_checkpoint(place, training=True)
    return "read"


TARGET = Target("model", "saved models and checkpoints, their sums made to fit", 0.01, _seeds, _draw, _read)
