"""Features are declared once, beside the kernel that computes them; schema, hash and tables come from here.

A declaration looks like this; the kernel gets the inputs (see `feature/inputs.py`), then the parameters, then the rows
to fill and the column:

    @feature(Feature(name="gain", branch="static", family="levels", formula="ln(mid / previous close)", ...))
    @njit
    def gain_nb(mid, previous_close, first, stop, out): ...

A declaration with `windows` stands for one feature a window: N in its name, formula and inputs is the window, and the
configuration may name others. A kernel may leave NaN or infinity where a value is unknown: every such value becomes
`NEUTRAL`, never a back-fill.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import pkgutil
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
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
WHOLE_DAY = 57_600
"""Warm-up of what may rest on anything since 04:00: sums over the day, its extremes, the time since something."""
_HALF_LIVES = 24
WINDOW = -1
"""Among the parameters of a declaration with windows: the window."""
_UNIT_S = {"hf": 1, "mf": 60, "lf": 57_600, "static": 1}
"""Seconds of a window's unit: rows, and seconds for what is computed by the second."""
_N = re.compile(r"\bN\b")


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


def faded(half_life: float) -> int:
    """Rows after which what lies before them weighs less than 1e-7 (2^-24) in an exponential average."""
    return math.ceil(_HALF_LIVES * half_life)


def faded_alpha(alpha: float) -> int:
    """The same for an average by its weight of a new row: 2 / (span + 1) on charts, 1 / N with Wilder."""
    return faded(-math.log(2.0) / math.log1p(-alpha))


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
    normalise: Normalisation | Callable[[int], Normalisation]
    """With windows it may depend on the window."""
    low: float = -LIMIT
    """Least value after normalisation."""
    high: float = LIMIT
    """Greatest value after normalisation."""
    params: tuple[int | float, ...] = ()
    """Further arguments of the kernel: horizons, half-lives."""
    windows: tuple[int, ...] = ()
    """Rows of a window or half-life, one feature each; the configuration may name others."""
    window: int = 0
    """Seconds of history that the value mainly rests on (half-life for averages); 0: this row, or all of the day."""
    warm_up: int | Callable[[int], int] = 0
    """Seconds of trading from the first event until what came before it makes no difference of 1e-6; earlier values
    rest on less, or are neutral. With `windows`: at least the window, or it may depend on the window (in rows)."""
    sessions: int = 0
    """Previous sessions that it rests on; with fewer it rests on those, or is neutral."""
    version: int = 1
    """Raised when the kernel's meaning changes: models trained on the old meaning are then refused."""

    def __post_init__(self) -> None:
        if self.branch not in BRANCHES:
            raise _bad(self, f"branch {self.branch!r} is none of {', '.join(BRANCHES)}")
        if not (self.name.isidentifier() and self.family.isidentifier()):
            raise _bad(self, "name and family must be identifiers")
        if bool(self.windows) != ("N" in self.name):
            raise _bad(self, "a name has an N for the window if, and only if, there are windows")
        if isinstance(self.normalise, Normalisation):
            if not (self.normalise.scale > 0 and math.isfinite(self.normalise.scale)):
                raise _bad(self, f"scale {self.normalise.scale} is not a positive number")
        elif not self.windows:
            raise _bad(self, "only a normalisation by window is a function")
        if callable(self.warm_up) and not self.windows:
            raise _bad(self, "only a warm-up by window is a function")
        if not -LIMIT <= self.low <= NEUTRAL <= self.high <= LIMIT or self.low == self.high:
            raise _bad(
                self, f"range [{self.low}, {self.high}] is not within [-{LIMIT:g}, {LIMIT:g}], or without {NEUTRAL}"
            )

    def at(self, window: int) -> Feature:
        """The feature of one window."""
        seconds = window * _UNIT_S[self.branch]
        return replace(
            self,
            name=self.name.replace("N", str(window)),
            formula=_N.sub(str(window), self.formula),
            inputs=tuple(_N.sub(str(window), text) for text in self.inputs),
            params=tuple(window if value == WINDOW else value for value in self.params),
            normalise=self.normalise if isinstance(self.normalise, Normalisation) else self.normalise(window),
            windows=(),
            window=seconds,
            warm_up=self.warm_up(window) if callable(self.warm_up) else max(self.warm_up, seconds),
        )

    @property
    def scaling(self) -> Normalisation:
        """Of a single feature."""
        assert isinstance(self.normalise, Normalisation), self.name
        return self.normalise

    @property
    def warm_up_s(self) -> int:
        """Of a single feature."""
        assert isinstance(self.warm_up, int), self.name
        return self.warm_up

    def definition(self) -> dict[str, Any]:
        """Everything that gives the numbers their meaning, as plain data."""
        return {**asdict(self), "params": list(self.params), "inputs": list(self.inputs)}


def _bad(feature: Feature, why: str) -> ConfigError:
    return ConfigError(f"feature {feature.name!r} of family {feature.family!r} can't be declared: {why}")


class Registered(NamedTuple):
    """A declaration and the kernel that fills its column."""

    feature: Feature
    kernel: Kernel

    def features(self, windows: Mapping[str, Sequence[int]]) -> tuple[Registered, ...]:
        """The features that a declaration stands for; `windows` replaces its own by name."""
        if not self.feature.windows:
            return (self,)
        chosen = windows.get(self.feature.name, self.feature.windows)
        return tuple(Registered(self.feature.at(window), self.kernel) for window in chosen)


_REGISTRY: dict[str, Registered] = {}


def feature(*declarations: Feature) -> Callable[[K], K]:
    """Register every declaration with the decorated kernel: `kernel(*inputs, *params, first, stop, out)`."""

    def register(kernel: K) -> K:
        for declared in declarations:
            taken = {r.feature.name: r.feature.family for entry in _REGISTRY.values() for r in entry.features({})}
            entry = Registered(declared, kernel)
            for single in (declared, *(r.feature for r in entry.features({}))):
                if single.name in taken or single.name in _REGISTRY:
                    where = taken.get(single.name) or _REGISTRY[single.name].feature.family
                    raise _bad(single, f"family {where!r} has a feature of that name")
            _REGISTRY[declared.name] = entry
        return kernel

    return register


@contextlib.contextmanager
def temporary_features() -> Generator[None]:
    """Features registered inside the block are forgotten when it ends."""
    discover()  # else the families, imported inside the block, would be forgotten too
    before = dict(_REGISTRY)
    try:
        yield
    finally:
        _REGISTRY.clear()
        _REGISTRY.update(before)


def discover() -> None:
    """Import the shared series and every module of `feature/families`: a new family is one new file."""
    import feature.families as package

    for shared in ("feature.series", "feature.candle_series"):
        importlib.import_module(shared)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def declarations() -> tuple[Registered, ...]:
    """Everything that is declared, ordered by branch, family name and declaration."""
    discover()
    return tuple(sorted(_REGISTRY.values(), key=lambda r: (BRANCHES.index(r.feature.branch), r.feature.family)))


def registered(windows: Mapping[str, Sequence[int]] | None = None) -> tuple[Registered, ...]:
    """All features in the order of `declarations`; `windows` replaces declared windows by name."""
    return tuple(single for entry in declarations() for single in entry.features(windows or {}))


def select(config: FeatureConfig) -> tuple[Registered, ...]:
    """The features that `config` asks for. Raises ConfigError for names that don't exist or an empty branch."""
    _check_windows(config.windows)
    everything = registered(config.windows)
    _check_names(everything)
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


def _check_names(entries: Sequence[Registered]) -> None:
    families: dict[str, str] = {}
    for declared, _ in entries:
        if declared.name in families:
            raise ConfigError(
                f"families {families[declared.name]!r} and {declared.family!r} both have a feature {declared.name!r}",
                where="config key feature.windows",
                fix="leave that window to one of them",
            )
        families[declared.name] = declared.family


def _check_windows(windows: Mapping[str, Sequence[int]]) -> None:
    declared = {r.feature.name for r in declarations() if r.feature.windows}
    for name, chosen in windows.items():
        if name not in declared:
            raise _unknown("feature with windows", "feature.windows", name, declared)
        if any(window < 1 for window in chosen) or len(set(chosen)) != len(chosen):
            raise ConfigError(
                f"feature.windows.{name} is {list(chosen)}",
                where="config key feature.windows",
                fix="name windows of one row or more, each once",
            )


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
