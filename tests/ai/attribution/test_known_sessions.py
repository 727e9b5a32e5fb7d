"""Which sessions are known can be told rather than read from the rows: only so is there a path to the baseline."""

from __future__ import annotations

import torch

from ai.attribution.case import Case
from ai.feature_store import Windows
from ai.policy import MarketPolicy


@torch.no_grad()
def test_what_is_known_is_read_from_the_rows_unless_it_is_told(policy: MarketPolicy, case: Case) -> None:
    encoder, scaled = policy.encoder, Windows(*case.inputs[:4])
    torch.testing.assert_close(encoder.of_scaled(scaled), encoder.of_scaled(scaled, case.known))
    nothing = torch.zeros_like(scaled.lf)
    read, told = encoder.lf(nothing), encoder.lf(nothing, case.known)
    assert not torch.allclose(read, told, atol=1e-3), "at the baseline every session would count as unknown"
    just_off = encoder.lf(1e-6 * scaled.lf)
    torch.testing.assert_close(just_off, told, atol=1e-3, rtol=0)


@torch.no_grad()
def test_tokens_stand_in_the_order_of_the_fusion(policy: MarketPolicy, case: Case) -> None:
    encoder, scaled = policy.encoder, Windows(*case.inputs[:4])
    vectors = encoder.of_scaled(scaled)
    for at, branch in enumerate(("hf", "static", "mf", "lf")):
        torch.testing.assert_close(vectors[:, at], encoder.token_of_scaled(branch, getattr(scaled, branch), case.known))
