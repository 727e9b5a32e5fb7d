"""Which features are built."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING


@dataclass
class FeatureConfig:
    """Which features are built."""

    families: list[str] = MISSING  # empty: all
    exclude: list[str] = MISSING  # single features to leave out
    windows: dict[str, list[int]] = MISSING  # instead of the declared ones, by name: return_Ns: [1, 10, 60]
