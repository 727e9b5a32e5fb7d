"""What the encoders may and may not see of the time."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from ai.extractors import BlockExtractor
from ai.feature_store import TensorStore
from ai.policy import block_policy
from ai.transformer import BandEncoder
from feature.feature_day import FeatureDay
from simulators.layout import Portfolio
from tests.support.made_features import made_features
from tests.support.toy_agent import MODEL


def later(day: FeatureDay, seconds: int) -> FeatureDay:
    """The same market, that many seconds later."""
    return dataclasses.replace(
        day,
        hf=np.roll(day.hf, seconds, axis=0),
        mf=np.roll(day.mf, seconds // 60, axis=0),
        static=np.roll(day.static, seconds, axis=0),
    )


@pytest.mark.parametrize("shift", [17, 60, 7_380])
def test_positions_are_shift_invariant(shift: int) -> None:
    """The same rows at another time of the day, elsewhere in their minute's block, are encoded alike."""
    day = made_features(1)
    if shift % 60:  # completed minutes do not move by seconds
        day = dataclasses.replace(day, mf=np.tile(day.mf[:1], (len(day.mf), 1)))
    store = TensorStore([day, later(day, shift)])
    torch.manual_seed(0)
    block = block_policy(MODEL, store, ahead=1).features_extractor
    assert isinstance(block, BlockExtractor)
    second = torch.tensor([3_600, 3_601, 3_642, 3_659, 20_000, 40_030])
    with torch.no_grad():
        before, after = (
            block(
                {"index": torch.stack([torch.full_like(second, d), at], 1), "portfolio": torch.zeros(6, len(Portfolio))}
            )
            for d, at in ((0, second), (1, second + shift))
        )
    assert before.std() > 0.1
    assert (before - after).abs().max() < 1e-5


def test_a_token_sees_its_receptive_field_and_no_more() -> None:
    torch.manual_seed(0)
    encoder = BandEncoder(5, MODEL.hf_band, MODEL)
    rows = torch.randn(1, encoder.context + 61, 5, requires_grad=True)
    encoder(rows)[0, 0].sum().backward()
    assert rows.grad is not None
    seen = rows.grad[0].abs().sum(1) > 0
    assert seen[: encoder.context + 1].all()
    assert not seen[encoder.context + 1 :].any()  # later ones
