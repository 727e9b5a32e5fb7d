"""Every feature that the model reads, against every future."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from agent.statistics.verdict import Reason
from config.schema import FeatureConfig
from data.layout import Bar
from data.market_day import MarketDay
from feature.extractor import FeatureExtractor
from scripts.audit.report import Figure, Report
from scripts.audit_features.findings import found, leaks, proven
from scripts.audit_features.planted import FAMILY, NAMES, planted_features
from scripts.audit_model.registry import Answer, check
from scripts.audit_model.subject import Subject
from utils.paths import anchored

DAYS, QUICK_DAYS = 6, 2
CUTS, QUICK_CUTS = 120, 20


@check("causality", order=1)
def causality(subject: Subject) -> Answer:
    """Does a feature that the model reads know the future?

    A feature that does makes any backtest worthless. Held-out days are cut off at random seconds; what follows is taken
    away or replaced by something else, and every value up to the cut must stay the same, bit for bit. Features that
    look ahead on purpose are planted among them: a proof that misses one proves nothing.
    """
    days = liveliest(subject.test.arrays.days, QUICK_DAYS if subject.options.quick else DAYS)
    with planted_features():
        extractor = FeatureExtractor(with_planted(subject.config.feature), anchored(subject.config.data.cache))
    proof = proven(extractor, days, max(QUICK_CUTS if subject.options.quick else CUTS, len(days)), subject.config.seed)
    known, present = str(subject.about["feature_hash"]), subject.market.extractor.schema.hash
    same = Figure("features are those that the model was trained on", present[:8], known[:8], present == known)
    leaking = sorted(proof.leaking - NAMES)
    count = extractor.schema.count - len(NAMES)
    if leaking:
        reason = Reason(f"{len(leaking)} of {count} features know the future, {leaking[0]} among them.", False)
    elif not proof.leaking >= NAMES:
        reason = Reason("The proof of causality missed a leak that was planted: it proves nothing.", False)
    else:
        reason = Reason(f"None of its {count} features knows the future ({proof.cuts} cuts).", True)
    return Answer(Report([same, *found(extractor, proof)], [leaks(proof)]), [reason])


def with_planted(config: FeatureConfig) -> FeatureConfig:
    """The features of `config` and those that look ahead."""
    return replace(config, families=[*config.families, FAMILY] if config.families else [])


def liveliest(days: Sequence[MarketDay], count: int) -> list[MarketDay]:
    """Those with the most dollars traded, in order."""
    dollars = np.array([day.bars[:, Bar.NOTIONAL].sum() for day in days])
    return [days[row] for row in np.argsort(-dollars, kind="stable")[:count]]
