from __future__ import annotations

import torch

from ai.fusion import Fusion, Token
from tests.support.toy_agent import MODEL

D = MODEL.d_model


def fusion() -> Fusion:
    torch.manual_seed(0)
    made = Fusion(10, MODEL)
    with torch.no_grad():
        made.gate.weight.normal_()
    return made


def test_a_gate_scales_the_values_of_its_token_and_leaves_its_keys() -> None:
    made, x = fusion(), torch.randn(7, D)
    gated, gates = made.market(x, Token.MF), made.gates(x, Token.MF)
    with torch.no_grad():
        made.gate.weight.zero_()
        made.gate.bias.fill_(100.0)
    whole = made.market(x, Token.MF)
    assert torch.equal(gated[:, :D], whole[:, :D])
    torch.testing.assert_close(gated[:, D:], gates * whole[:, D:])
    assert gates.std() > 0.1


def test_a_closed_branch_has_no_say_in_the_features() -> None:
    made, portfolio = fusion(), torch.randn(7, 10)
    with torch.no_grad():
        made.gate.weight.zero_()
        made.gate.bias.fill_(-100.0)
    # keys stay, so equal weights are given away to it; but what it says is gone
    x = torch.randn(4, 7, D)
    parts = [made.market(x[i], token) for i, token in enumerate(Token) if token is not Token.PORTFOLIO]
    assert all((part[:, D:].abs() < 1e-20).all() for part in parts)
    out = made(parts, portfolio)
    other = [torch.cat([part[:, :D], torch.zeros(7, D)], 1) for part in parts]
    torch.testing.assert_close(out, made(other, portfolio))


def test_gates_learn() -> None:
    made, portfolio = fusion(), torch.randn(7, 10)
    parts = [made.market(torch.randn(7, D), token) for token in Token if token is not Token.PORTFOLIO]
    (made(parts, portfolio) * torch.randn(7, D)).sum().backward()
    assert made.gate.weight.grad is not None and made.gate.weight.grad.abs().max() > 0
    assert made.gate.bias.grad is not None and made.gate.bias.grad.abs().max() > 0
