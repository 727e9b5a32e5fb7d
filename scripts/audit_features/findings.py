"""What a proof says about the features, and about the audit itself."""

from __future__ import annotations

from collections.abc import Sequence

from data.market_day import MarketDay
from feature.extractor import FeatureExtractor
from scripts.audit.market import LOG_EVERY_S
from scripts.audit.report import Figure, Table, none_of
from scripts.audit_features.causality import Future, Proof, cut_seconds, prove
from scripts.audit_features.planted import NAMES
from scripts.progress import counted
from utils.seeding import stream


def proven(extractor: FeatureExtractor, days: Sequence[MarketDay], cuts: int, seed: int) -> Proof:
    """`cuts` spread evenly over `days`, every future behind each."""
    proof = Proof()
    for i in counted(range(len(days)), "days", LOG_EVERY_S):
        rng = stream(seed, "audit-features", days[i].name)
        count = cuts * (i + 1) // len(days) - cuts * i // len(days)
        prove(extractor, days[i], cut_seconds(days[i], count, rng), rng, proof)
    return proof


def found(extractor: FeatureExtractor, proof: Proof) -> list[Figure]:
    """Its figures; the planted features are among those of the extractor."""
    features = extractor.schema.count - len(NAMES)
    caught = proof.leaking & NAMES
    return [
        Figure("days", str(proof.days), "", None),
        Figure("cuts", str(proof.cuts), "", None),
        *(Figure(f"trials: {future}", f"{proof.trials[future]:,}", "", None) for future in Future),
        none_of("features that know the future", len(proof.leaking - NAMES), features),
        Figure("planted leaks caught", f"{len(caught)} of {len(NAMES)}", str(len(NAMES)), len(caught) == len(NAMES)),
    ]


def leaks(proof: Proof) -> Table:
    """Every feature that leaked, the planted ones too."""
    rows = [
        [name, *(f"{told[future]:,}/{proof.trials[future]:,}" for future in Future)]
        for name, told in sorted(proof.leaks.items())
    ]
    title = "trials in which the past changed (planted: the audit of the audit)"
    return Table(title, "", ["feature", *Future], rows)
