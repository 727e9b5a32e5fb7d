"""What an explanation of a policy says: which inputs matter, how far back, how sure that is. One JSON file a check.

Written by the process that explains (a training's checkpoint, or a backtest), read by dashboard and report. In a run's
folder `explanations/`: `<step>.json` a check of its training, `trades.json` the trades of its backtest (the same kind
of file: `decisions` are their entries and exits), `failed.json` the newest check if it came to nothing. Shares are of
the sum over all features of the mean absolute attribution, unless it says otherwise; lags count rows back from the
decision: seconds in hf, completed minutes in mf, sessions in lf, oldest first as everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Self

from utils.atomic import write_text
from utils.errors import ModelError
from utils.paths import shown

FORMAT = 1
FOLDER = "explanations"
"""Of a run's folder."""
TRADES = "trades.json"
FAILED = "failed.json"


class Stratum(StrEnum):
    """What a decision was, so that rare ones are explained as well as common ones."""

    ENTRY = "entry"  # an order that opens or adds to a position
    EXIT = "exit"  # an order that closes one or a part of it
    HOLD = "hold"  # nothing sent while in a position
    FLAT = "flat"  # nothing sent while without one


class State(StrEnum):
    """What becomes of a feature in the network."""

    USED = "used"
    QUIET = "quiet"  # below the threshold, but not yet in so many checks running that it counts as dead
    DEAD = "dead"


class FeatureUse(NamedTuple):
    """One feature, over all decisions that were explained."""

    name: str
    branch: str
    family: str
    action: float
    """Share of the attribution of the chosen logit minus the mean logit of the possible actions."""
    value: float
    """Share of the attribution of the critic's value."""
    shap: float
    """As `action` by SHAP's GradientExplainer; nan where it was not asked."""
    ablation: float
    """Mean absolute change of `action`'s target when the feature is at its baseline in all rows, as a share."""
    spread: float
    """Standard deviation over sampled rows of the training days, after the fitted scales."""
    drift: float
    """Population stability index of what the lanes saw against the training days; nan if it is not known."""
    state: str
    advice: str
    """What to do about it; empty if nothing."""


class Redundant(NamedTuple):
    """Two features that say nearly the same."""

    first: str
    second: str
    correlation: float


class Scale(NamedTuple):
    """A stretch of rows of a branch, nearest first."""

    branch: str
    first: int
    """Nearest row back, 0 is the row of the decision."""
    last: int
    text: str
    """"1-3 s", "now", "2-5 min" ..."""


class Attention(NamedTuple):
    """Of one branch, averaged over the decisions."""

    weights: list[list[float]]
    """[heads][rows], oldest first; of `fusion`: [heads][tokens of ai.fusion.Token]."""
    entropy: list[float]
    """By head, mean over decisions, as a share of the entropy of looking everywhere alike."""
    lag: list[float]
    """By head: mean rows back; 0 for `fusion`."""


class Curve(NamedTuple):
    """Faithfulness: how the target (share of what it was) changes while features are taken away, or given back."""

    removed: list[float]
    """Share of the features that is at its baseline (deletion), or as it was (insertion)."""
    deletion: list[float]
    insertion: list[float]
    random_deletion: list[float]
    random_insertion: list[float]


class Cause(NamedTuple):
    """One of the inputs that made a decision what it was."""

    name: str
    value: float
    """As the feature stood at the decision, in its own normalised units."""
    share: float
    """Signed: of the sum of absolute attributions of this decision; positive speaks for what was done."""
    lag: int
    """Rows back where it mattered most."""


class Decision(NamedTuple):
    """One decision with its causes, the strongest first."""

    symbol: str
    date: str
    second: int
    lane: int
    stratum: str
    action: int
    target: float
    """Chosen logit minus the mean logit of the possible actions."""
    causes: list[Cause]
    lags: dict[str, list[float]]
    """By branch (hf, mf, lf): share of this decision's absolute attribution by row, oldest first."""


class Cost(NamedTuple):
    """What the check took."""

    seconds: float
    cpu_s: float
    memory_mb: float
    """Most that the process held."""
    limit_mb: float


@dataclass(frozen=True)
class Explanation:
    """All that one check found."""

    step: int
    model: str
    """Checkpoint, version or run that was explained."""
    strata: dict[str, int]
    """Decisions explained, by stratum."""
    features: list[FeatureUse]
    redundant: list[Redundant]
    scales: list[Scale]
    by_scale: list[list[float]]
    """[features][scales]: share of `action`; 0 where the scale is of another branch."""
    lags: dict[str, list[float]]
    """By branch: share of `action` by row, oldest first."""
    attention: dict[str, Attention]
    """By hf, mf, lf and fusion."""
    gates: dict[str, float]
    """By market token, mean."""
    delta: float
    """Largest |sum of attributions - (f(x) - f(baseline))| / max(|f(x) - f(baseline)|, floor) over the decisions."""
    agreement: float
    """Rank correlation of integrated gradients with GradientExplainer over features; nan if not asked."""
    randomised: float
    """Rank correlation of the attributions with those of the same network with random weights; near 0 is sound."""
    curve: Curve | None
    decisions: list[Decision]
    cost: Cost
    checks: int
    """Checks running that the states rest on, this one included."""

    def write(self, folder: Path, name: str = "") -> Path:
        """The file of this check in `folder` (name: TRADES of a backtest's trades); whole or not at all.

        OSError if the disk refuses.
        """
        path = folder / (name or f"{self.step}.json")
        write_text(path, json.dumps({"format": FORMAT, **asdict(self)}))
        return path

    @classmethod
    def read(cls, path: Path) -> Self:
        """Inverse of `write`. Raises ModelError if the file is damaged or of another format."""
        try:
            told = json.loads(path.read_text())
            if told.pop("format") != FORMAT:
                raise ModelError(f"{path.name} is of another format", where=shown(path), fix="explain it again")
            return cls(**_typed(told))
        except (ValueError, TypeError, KeyError, AttributeError) as why:
            raise ModelError(f"{path.name} is no explanation: {why}", where=shown(path), fix="explain again") from why


class Failure(NamedTuple):
    """The newest check of a training, if it came to nothing; a check that succeeds takes it away."""

    step: int
    time: float
    """Unix seconds."""
    why: str
    """One sentence: "ended with code 1", "killed by SIGKILL", "took longer than 1,800 s"."""
    told: list[str]
    """Last lines that the process wrote."""
    failures: int
    """Checks that failed since the run began or went on, this one included."""

    def write(self, folder: Path) -> Path:
        """FAILED in `folder`. OSError if the disk refuses."""
        path = folder / FAILED
        write_text(path, json.dumps({"format": FORMAT, **self._asdict()}))
        return path


def explanations(folder: Path) -> list[Path]:
    """The checks of a run's folder, the oldest first."""
    found = [path for path in (folder / FOLDER).glob("*.json") if path.stem.isdigit()]
    return sorted(found, key=lambda path: int(path.stem))


def failure(folder: Path) -> Failure | None:
    """What the newest check of a run's folder failed at; None if it did not."""
    try:
        told = json.loads((folder / FOLDER / FAILED).read_text())
        return Failure(**{name: told[name] for name in Failure._fields})
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _typed(told: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(told)
    made["features"] = [FeatureUse(*row) for row in told["features"]]
    made["redundant"] = [Redundant(*row) for row in told["redundant"]]
    made["scales"] = [Scale(*row) for row in told["scales"]]
    made["attention"] = {name: Attention(*row) for name, row in told["attention"].items()}
    made["curve"] = Curve(*told["curve"]) if told["curve"] else None
    made["cost"] = Cost(*told["cost"])
    decisions = [Decision(*row) for row in told["decisions"]]
    made["decisions"] = [d._replace(causes=[Cause(*cause) for cause in d.causes]) for d in decisions]
    return made
