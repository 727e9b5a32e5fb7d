from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.buffers import MaskableDictRolloutBuffer

from agent.rollout_buffer import BlockMaskableRolloutBuffer, block_order
from ai.policy import index_space
from simulators.layout import ACTIONS, Portfolio

STEPS, LANES = 150, 6


def filled(buffer: MaskableDictRolloutBuffer) -> MaskableDictRolloutBuffer:
    rng = np.random.default_rng(0)
    start = rng.integers(0, 50_000, LANES)
    for step in range(STEPS):
        index = np.stack([np.arange(LANES) % 2, start + step], 1).astype(np.int32)
        buffer.add(
            {"index": index, "portfolio": rng.standard_normal((LANES, len(Portfolio)), np.float32)},
            rng.integers(0, ACTIONS, (LANES, 1)),
            rng.standard_normal(LANES),
            rng.random(LANES) < 0.02,
            torch.from_numpy(rng.standard_normal(LANES)).float(),
            torch.from_numpy(rng.standard_normal(LANES)).float(),
            action_masks=rng.random((LANES, ACTIONS)) < 0.5,
        )
    buffer.compute_returns_and_advantage(torch.zeros(LANES), np.zeros(LANES, np.bool_))
    return buffer


def ours() -> MaskableDictRolloutBuffer:
    generator = np.random.default_rng(3)
    return filled(
        BlockMaskableRolloutBuffer(
            STEPS,
            index_space(),
            spaces.Discrete(ACTIONS),
            "cpu",
            0.95,
            0.99,
            LANES,
            block_rows=60,
            normalise=True,
            generator=generator,
        )
    )


def test_same_rows_as_the_stock_buffer() -> None:
    """sb3-contrib's own buffer is the oracle: every row is there once, with its own columns."""
    stock = filled(
        MaskableDictRolloutBuffer(STEPS, index_space(), spaces.Discrete(ACTIONS), "cpu", 0.95, 0.99, n_envs=LANES)
    )
    advantages = stock.advantages.copy()
    pair = [next(iter(buffer.get(None))) for buffer in (ours(), stock)]
    rows = [
        np.column_stack(
            [
                s.observations["index"],
                s.observations["portfolio"],
                s.actions,
                s.old_values,
                s.old_log_prob,
                s.returns,
                s.action_masks,
            ]
        )
        for s in pair
    ]
    order = [np.lexsort(r.T[:2]) for r in rows]
    np.testing.assert_array_equal(rows[0][order[0]], rows[1][order[1]])
    normalised = (pair[1].advantages - advantages.mean()) / advantages.std(ddof=1)
    np.testing.assert_allclose(pair[0].advantages[order[0]], normalised[order[1]], rtol=1e-4, atol=1e-5)


def test_minibatches_touch_few_minutes_and_every_pass_differs() -> None:
    buffer = ours()
    passes = [[s.observations["index"].numpy() for s in buffer.get(180)] for _ in range(2)]
    assert [len(batch) for batch in passes[0]] == [180] * 5
    minutes = [len(np.unique(batch[:, 0] * 1_000 + batch[:, 1] // 60)) for batch in passes[0]]
    assert max(minutes) <= 10  # a full shuffle touches nearly all 20
    assert not np.array_equal(passes[0][0], passes[1][0])


@pytest.mark.parametrize("block_rows", [1, 7, 60, 1_000])
def test_parts_stay_together(block_rows: int) -> None:
    rng = np.random.default_rng(1)
    index = np.column_stack([rng.integers(0, 3, 2_000), rng.integers(0, 400, 2_000)])
    order = block_order(index, block_rows, np.random.default_rng(2))
    assert np.array_equal(np.sort(order), np.arange(2_000))
    key = index[order, 0] * 1_000 + index[order, 1] // 60
    counts = np.unique(key, return_counts=True)[1]
    runs = 1 + int((key[1:] != key[:-1]).sum())
    assert runs <= sum(-(-c // block_rows) for c in counts)
    assert np.array_equal(order, block_order(index, block_rows, np.random.default_rng(2)))
