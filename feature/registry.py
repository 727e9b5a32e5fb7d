"""Features are declared once, beside the kernel that computes them; schema, hash and tables come from here.

A declaration looks like this; the kernel gets the named inputs (see `feature/inputs.py`), then the parameters, then
the column to fill:

    @feature(Feature(name="gain", branch="static", family="levels", formula="ln(mid / previous close)", ...))
    @njit
    def gain_nb(mid, previous_close, out): ...

A kernel may leave NaN or infinity where a value is unknown: every such value becomes `NEUTRAL`, never a back-fill.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import pkgutil
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from config.schema import FeatureConfig
from feature.feature_day import BRANCHES
from utils.errors import ConfigError, ModelError, nearest
from utils.hashing import json_hash

LIMIT = 5.0
"""Every feature lies within [-LIMIT, LIMIT]."""
NEUTRAL = 0.0
"""What a feature is where it is unknown; the mask features (has_quote, has_trade, halted) tell the difference."""

Kernel = Callable[..., None]
K = TypeVar("K", bound=Callable[..., Any])


class Shape(IntEnum):
    """How a raw value becomes a bounded one; computed in `feature/kernels.py`."""

    IDENTITY = 0
    SOFT = 1
    LOG = 2


@dataclass(frozen=True)
class Normalisation:
    """A shape and its scale, in the units of the raw value."""

    shape: Shape
    scale: float

    @property
    def text(self) -> str:
        """As it is shown in tables."""
        y = "x" if self.scale == 1 else f"x / {self.scale:.4g}"
        if self.shape == Shape.SOFT:
            return f"soft({y})"
        return f"sign(x) ln(1 + |{y}|)" if self.shape == Shape.LOG else y


def identity(scale: float = 1.0) -> Normalisation:
    """y = x / scale, clipped: for values that are bounded by construction."""
    return Normalisation(Shape.IDENTITY, scale)


def soft(scale: float = 1.0) -> Normalisation:
    """y / sqrt(1 + (y / LIMIT)^2) with y = x / scale: linear within about 2 scales, then saturating."""
    return Normalisation(Shape.SOFT, scale)


def log(scale: float = 1.0) -> Normalisation:
    """sign(x) ln(1 + |x| / scale), clipped: for values over orders of magnitude; linear below one scale."""
    return Normalisation(Shape.LOG, scale)


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One column of one branch."""

    name: str
    """Unique over all branches."""
    branch: str
    """hf | mf | lf | static, see `feature/feature_day.py`."""
    family: str
    formula: str
    """The raw value, before normalisation."""
    inputs: tuple[str, ...]
    """Names of `feature/inputs.py`, in the order of the kernel's arguments."""
    units: str
    """Of the raw value."""
    normalise: Normalisation
    low: float = -LIMIT
    """Least value after normalisation."""
    high: float = LIMIT
    """Greatest value after normalisation."""
    params: tuple[int | float, ...] = ()
    """Further arguments of the kernel: horizons, half-lives."""
    window: int = 0
    """Seconds of history that the value mainly rests on (half-life for averages); 0: this row, or all of the day."""
    warm_up: int = 0
    """Seconds from the first price until the window is full; earlier values rest on less, or are neutral."""
    version: int = 1
    """Raised when the kernel's meaning changes: models trained on the old meaning are then refused."""

    def __post_init__(self) -> None:
        if self.branch not in BRANCHES:
            raise _bad(self, f"branch {self.branch!r} is none of {', '.join(BRANCHES)}")
        if not (self.name.isidentifier() and self.family.isidentifier()):
            raise _bad(self, "name and family must be identifiers")
        if not (self.normalise.scale > 0 and math.isfinite(self.normalise.scale)):
            raise _bad(self, f"scale {self.normalise.scale} is not a positive number")
        if not -LIMIT <= self.low < self.high <= LIMIT:
            raise _bad(self, f"range [{self.low}, {self.high}] is not within [-{LIMIT:g}, {LIMIT:g}]")

    def definition(self) -> dict[str, Any]:
        """Everything that gives the numbers their meaning, as plain data."""
        return {**asdict(self), "params": list(self.params), "inputs": list(self.inputs)}


def _bad(feature: Feature, why: str) -> ConfigError:
    return ConfigError(f"feature {feature.name!r} of family {feature.family!r} can't be declared: {why}")


class Registered(NamedTuple):
    """A declaration and the kernel that fills its column."""

    feature: Feature
    kernel: Kernel


_REGISTRY: dict[str, Registered] = {}


def feature(*declarations: Feature) -> Callable[[K], K]:
    """Register every declaration with the decorated kernel: `kernel(*inputs, *params, out)`."""

    def register(kernel: K) -> K:
        for declared in declarations:
            if declared.name in _REGISTRY:
                taken = _REGISTRY[declared.name].feature.family
                raise _bad(declared, f"family {taken!r} has a feature of that name")
            _REGISTRY[declared.name] = Registered(declared, kernel)
        return kernel

    return register


@contextlib.contextmanager
def temporary_features() -> Generator[None]:
    """Features registered inside the block are forgotten when it ends."""
    before = dict(_REGISTRY)
    try:
        yield
    finally:
        _REGISTRY.clear()
        _REGISTRY.update(before)


def discover() -> None:
    """Import the shared series and every module of `feature/families`: a new family is one new file."""
    import feature.families as package

    importlib.import_module("feature.series")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def registered() -> tuple[Registered, ...]:
    """All features, ordered by branch, family name and declaration."""
    discover()
    return tuple(sorted(_REGISTRY.values(), key=lambda r: (BRANCHES.index(r.feature.branch), r.feature.family)))


def select(config: FeatureConfig) -> tuple[Registered, ...]:
    """The features that `config` asks for. Raises ConfigError for names that don't exist or an empty branch."""
    everything = registered()
    families = {r.feature.family for r in everything}
    for family in config.families:
        if family not in families:
            raise _unknown("family", "feature.families", family, families)
    names = {r.feature.name for r in everything}
    for name in config.exclude:
        if name not in names:
            raise _unknown("feature", "feature.exclude", name, names)
    wanted = set(config.families) or families
    chosen = tuple(r for r in everything if r.feature.family in wanted and r.feature.name not in config.exclude)
    for branch in BRANCHES:
        if not any(r.feature.branch == branch for r in chosen):
            raise ConfigError(
                f"no feature is left in branch {branch!r}",
                where="config key feature",
                fix=f"add one of the families {', '.join(_families_of(branch, everything))} to feature.families",
            )
    return chosen


def _families_of(branch: str, entries: tuple[Registered, ...]) -> list[str]:
    return sorted({r.feature.family for r in entries if r.feature.branch == branch})


def _unknown(kind: str, key: str, name: str, known: set[str]) -> ConfigError:
    return ConfigError(
        f"there is no {kind} {name!r}",
        where=f"config key {key}",
        near=nearest(name, known) or sorted(known),
        fix=f"correct or remove {name!r} in {key}",
    )


@dataclass(frozen=True)
class FeatureSchema:
    """What travels with cached days and checkpoints: names in column order, each with its definition's hash."""

    names: Mapping[str, tuple[str, ...]]
    definitions: Mapping[str, str]
    """Feature name -> hash of its definition."""

    @classmethod
    def of(cls, entries: Sequence[Registered]) -> FeatureSchema:
        """The schema of features in registry order."""
        names = {b: tuple(r.feature.name for r in entries if r.feature.branch == b) for b in BRANCHES}
        return cls(names, {r.feature.name: json_hash(r.feature.definition()) for r in entries})

    @cached_property
    def hash(self) -> str:
        """Over names, order and definitions."""
        return json_hash(self.as_dict())

    @property
    def sizes(self) -> dict[str, int]:
        """Columns by branch."""
        return {branch: len(names) for branch, names in self.names.items()}

    @property
    def count(self) -> int:
        """Columns of all branches together."""
        return sum(self.sizes.values())

    def as_dict(self) -> dict[str, list[list[str]]]:
        """Plain data for JSON: branch -> [[name, definition hash], ...]."""
        return {b: [[name, self.definitions[name]] for name in names] for b, names in self.names.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FeatureSchema:
        """Inverse of `as_dict`."""
        names = {branch: tuple(name for name, _ in pairs) for branch, pairs in data.items()}
        return cls(names, {name: digest for pairs in data.values() for name, digest in pairs})

    def require(self, other: FeatureSchema, *, where: str = "") -> None:
        """Raise ModelError, naming what differs, unless `other` (a model's schema) is this one.

        where: what `other` belongs to, e.g. the model's folder.
        """
        if self.hash == other.hash:
            return
        fix = "use the feature configuration the model was trained with, or train a new model"
        differing = "; ".join(self._differences(other))
        raise ModelError(f"the model's features are not the features at hand: {differing}", where=where, fix=fix)

    def _differences(self, other: FeatureSchema) -> list[str]:
        found: list[str] = []
        for branch in BRANCHES:
            mine, theirs = self.names.get(branch, ()), other.names.get(branch, ())
            parts = {
                "only in the model": [n for n in theirs if n not in mine],
                "not in the model": [n for n in mine if n not in theirs],
                "defined differently": [n for n in mine if n in theirs and self._changed(other, n)],
            }
            if mine != theirs and set(mine) == set(theirs):
                parts["in another order"] = [m for m, t in zip(mine, theirs, strict=True) if m != t]
            found += [f"{branch}: {what} {', '.join(names)}" for what, names in parts.items() if names]
        return found

    def _changed(self, other: FeatureSchema, name: str) -> bool:
        return self.definitions[name] != other.definitions[name]
