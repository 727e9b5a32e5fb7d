"""Policies that look ahead on purpose: a check that misses one of them is worth nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from agent.policy import HOLD, Actions, Index, Mask, Rows
from config.schema import FeatureConfig
from data.layout import SECONDS, Market
from data.market_day import MarketDay
from feature.extractor import FeatureExtractor
from scripts.audit_features.planted import planted_features
from scripts.audit_model.replay import Trader
from simulators.layout import ACTIONS
from utils.paths import CACHE

AHEAD_S = 300
FEATURE, BRANCH = "planted_day_deviation", "static"


class Superstitious:
    """Takes whatever action the bits of a figure happen to name: the slightest change of it shows."""

    def __init__(self, name: str, figure: npt.NDArray[Any]) -> None:
        """figure: one a second [57600]."""
        self.name = name
        self._actions = np.ascontiguousarray(figure, np.float64).view(np.uint64) // 2**20 % ACTIONS

    def act(self, index: Index, portfolio: Rows, mask: Mask) -> Actions:  # noqa: ARG002 - a Policy is asked so
        """Actions [N] of lanes that are all on the one day; HOLD where that action is not possible."""
        wanted = self._actions[index[:, 1]].astype(np.int64)
        return np.where(mask[np.arange(len(wanted)), wanted], wanted, HOLD)


def peeking(day: MarketDay) -> Superstitious:
    """Reads the market some minutes ahead."""
    mid = 0.5 * (day.market[:, Market.BID] + day.market[:, Market.ASK])
    later = mid[np.minimum(np.arange(SECONDS) + AHEAD_S, SECONDS - 1)]
    return Superstitious("policy that looks ahead", later)


def leaking(config: FeatureConfig) -> Trader:
    """Trades by a feature that is scaled with the whole day's mean and deviation, built as all features are."""
    with planted_features():
        extractor = FeatureExtractor(config, CACHE)
    column = extractor.schema.names[BRANCH].index(FEATURE)

    def trader(day: MarketDay) -> Superstitious:
        return Superstitious("feature that looks ahead", getattr(extractor.build(day), BRANCH)[:, column])

    return trader
