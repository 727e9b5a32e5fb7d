from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from agent.explaining import Decisions
from ai.attribution import Target
from ai.attribution.case import Case, Opinion, flat_account, open_case
from ai.feature_store import TensorStore
from ai.policy import MarketPolicy
from simulators.layout import ACTIONS, Portfolio


def test_what_is_explained_is_what_the_policy_thinks(
    policy: MarketPolicy, opinion: Opinion, case: Case, decisions: Decisions
) -> None:
    observation = {
        "index": torch.from_numpy(decisions.index.astype(np.int32)),
        "portfolio": torch.from_numpy(decisions.portfolio),
    }
    with torch.no_grad():
        logits, values = policy.opinion(observation)
        found = {target: opinion(*case.inputs, case.known, case.weights(target)) for target in Target}
    rows = np.arange(len(decisions.action))
    expected = [
        float(logits[row, decisions.action[row]]) - float(logits[row][torch.from_numpy(decisions.mask[row])].mean())
        for row in rows
    ]
    np.testing.assert_allclose(found[Target.ACTION], expected, atol=1e-4)
    np.testing.assert_allclose(found[Target.VALUE], values, atol=1e-4)


def test_the_policy_is_left_as_it_was(policy: MarketPolicy, opinion: Opinion) -> None:
    assert all(parameter.requires_grad for parameter in policy.action_net.parameters())
    assert not any(parameter.requires_grad for parameter in opinion.parameters())


def test_values_to_tell_are_the_latest_rows_as_declared(case: Case, store: TensorStore, decisions: Decisions) -> None:
    day, second = decisions.index.T
    hf = np.stack([store.windows(day, second).hf[row, -1].numpy() for row in range(len(day))])
    np.testing.assert_array_equal(case.now[:, : hf.shape[1]], hf)
    np.testing.assert_array_equal(case.now[:, -len(Portfolio) :], decisions.portfolio)


def test_sessions_that_are_known_are_those_with_data(case: Case, decisions: Decisions) -> None:
    np.testing.assert_array_equal(case.known.sum(1), np.where(decisions.index[:, 0] == 0, 30, 5))


def test_the_account_starts_flat_and_all_in_cash() -> None:
    account = flat_account()
    assert account[Portfolio.CASH_SHARE] == 1
    assert account.sum() == 1


def test_only_one_possible_action_needs_no_explanation(
    policy: MarketPolicy, store: TensorStore, decisions: Decisions
) -> None:
    forced = replace(decisions, mask=np.eye(ACTIONS, dtype=np.bool_)[decisions.action])
    assert not open_case(policy, store, forced).contrast.any()
