"""The page about the network: what it is made of, and its sizes with the parameters of each part."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ai.feature_store import BranchSizes
from ai.fusion import Token
from ai.policy import MarketPolicy, window_policy
from ai.transformer import BandEncoder
from config.schema import ModelConfig
from feature.feature_day import HF_WINDOW, MF_WINDOW
from simulators.layout import ACTIONS
from utils.markdown import markdown

HEAD = f"""# The network

One transformer per branch of the features, then attention that the portfolio asks for (`ai/`).

- `hf` (seconds) and `mf` (completed minutes): causal attention over a sliding band. Distances enter as fixed linear
  biases (ALiBi), so nothing depends on the time of the day but the features that tell it.
- `lf` (previous sessions): learned positions, attention among the sessions that are known.
- `static` (the newest second: clock, levels, the running minute): two layers.
- Fusion: each of the four vectors passes a gate that it sets itself; the portfolio's query attends to them and to its
  own ({len(Token)} tokens).
- Heads: logits of the {ACTIONS} actions, of which the impossible are masked, and the value.

`MarketPolicy.attention` gives all weights and gates of any observation, by name.
"""
PARTS = {
    "inputs": "features_extractor.encoder.inputs.",
    "hf": "features_extractor.encoder.hf.",
    "mf": "features_extractor.encoder.mf.",
    "lf": "features_extractor.encoder.lf.",
    "static": "features_extractor.encoder.static_",
    "fusion": "features_extractor.encoder.fusion.",
    "actor": ("mlp_extractor.policy_net.", "action_net."),
    "critic": ("mlp_extractor.value_net.", "value_net."),
}
"""Beginnings of the parameters' names."""


def parameters(policy: MarketPolicy) -> dict[str, int]:
    """How many numbers each part has; those of `inputs` are fitted to the training days, the others are learnt."""
    named = [(name, parameter.numel()) for name, parameter in policy.named_parameters()]
    return {part: sum(count for name, count in named if name.startswith(start)) for part, start in PARTS.items()}


def model_page(sizes: BranchSizes, models: Mapping[str, ModelConfig]) -> str:
    """The network in words, and each of `models` (options of the group `model`) in numbers."""
    # other seeds must not depend on whether somebody made a page
    with torch.random.fork_rng():
        policies = {name: window_policy(model, sizes) for name, model in models.items()}
    counts = {name: parameters(policy) for name, policy in policies.items()}
    counts = dict(sorted(counts.items(), key=lambda item: sum(item[1].values())))
    models = {name: models[name] for name in counts}
    rows: list[tuple[str, list[str]]] = [
        ("width, heads, layers, ffn", [f"{m.d_model}, {m.heads}, {m.layers}, {m.ffn}" for m in models.values()]),
        (f"seconds seen, of {HF_WINDOW}", [_sees(m, m.hf_band) for m in models.values()]),
        (f"minutes seen, of {MF_WINDOW}", [_sees(m, m.mf_band) for m in models.values()]),
        *((f"parameters of {part}", [f"{c[part]:,}" for c in counts.values()]) for part in PARTS),
        ("**parameters**", [f"**{sum(c.values()):,}**" for c in counts.values()]),
    ]
    table = markdown(["", *(f"`model={name}`" for name in models)], [[what, *cells] for what, cells in rows])
    return f"{HEAD}\n## Sizes\n\nWith the {sum(sizes)} feature columns of momentum_training.\n\n{table}"


def _sees(model: ModelConfig, band: int) -> str:
    return str(BandEncoder(1, band, model).context + 1)
