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


def test_an_open_gate_changes_nothing_and_a_closed_one_says_the_same_whatever_comes() -> None:
    made, x = fusion(), torch.randn(7, 4, D)
    with torch.no_grad():
        made.gate.weight.zero_()
        made.gate.bias.fill_(100.0)
        whole = made.key_value(made.norm(x + made.kind[:4])).flatten(1)
        torch.testing.assert_close(made.market(x, Token.HF), whole)
        made.gate.bias.fill_(-100.0)
        closed = made.market(x, Token.HF)
    torch.testing.assert_close(closed, made.key_value.bias.repeat(7, 4))


def test_each_token_sets_its_own_gate_and_tokens_may_come_in_parts() -> None:
    made, x = fusion(), torch.randn(7, 4, D)
    gates = made.gates(x, Token.HF)
    assert gates.shape == (7, 4) and gates.std() > 0.1
    torch.testing.assert_close(gates[:, 2:], made.gates(x[:, 2:], Token.MF))
    parts = torch.cat([made.market(x[:, :2], Token.HF), made.market(x[:, 2:], Token.MF)], 1)
    torch.testing.assert_close(parts, made.market(x, Token.HF))


def test_gates_learn() -> None:
    made, portfolio = fusion(), torch.randn(7, 10)
    (made([made.market(torch.randn(7, 4, D), Token.HF)], portfolio) * torch.randn(7, D)).sum().backward()
    assert made.gate.weight.grad is not None and made.gate.weight.grad.abs().max() > 0
    assert made.gate.bias.grad is not None and made.gate.bias.grad.abs().max() > 0
