"""Fill and latency models: one small file each, chosen by name in the configuration.

A model is compiled to a C function whose address travels to the kernels in a RULES record, so that a new model is
never an edit of them, and none of them is compiled again. Parameters reach it as a record with the declared names:

    @fill_model("touch", formula="all at the touch")
    def touch(ticket, params):
        ticket["shares"] = ticket["wanted"]
        ticket["price"] = ticket["touch"] / DOLLAR
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from config.schema import FillConfig, LatencyConfig
from simulators.layout import TICKET
from utils.errors import ConfigError, DataError
from utils.jit import c_function, record_type, types
from utils.markdown import markdown
from utils.paths import ROOT, shown
from utils.registry import Registry, parameters

Bounds = Mapping[str, tuple[float, float]]
"""Parameters in order, each with the least and the greatest value it may have."""
NO_FIELDS = ("none",)
"""A record needs a field."""
NOTHING: Bounds = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model as declared."""

    name: str
    formula: str
    params: Bounds
    file: bool
    """Whether it needs a file of measured values."""
    function: Any
    """Compiled; `address` is what kernels call, `__wrapped__` the plain function."""

    @property
    def layout(self) -> np.dtype[np.void]:
        """Of the parameters."""
        return record_layout(self.params)


@dataclass(frozen=True)
class BoundModel:
    """A model with its parameters in memory that kernels may read. Keep it alive while they do."""

    model: Model
    params: npt.NDArray[np.void]
    table: npt.NDArray[np.float64]
    """Measured values, sorted; empty if the model has none."""


FILL_MODELS: Registry[Model] = Registry("fill model", "simulators.fill_models", "simulation.fill.model")
LATENCY_MODELS: Registry[Model] = Registry("latency model", "simulators.latency_models", "simulation.latency.model")


def fill_model(name: str, *, formula: str, params: Bounds = NOTHING) -> Callable[[Any], Any]:
    """Register `function(ticket, params)`: reads a TICKET record and answers in its `shares` and `price`.

    `shares` is whole and at most `wanted`; no share may cost more than `limit`. It is asked again for fewer shares if
    the account cannot pay: fewer must never cost more a share.
    """

    def register(function: Any) -> Any:
        compiled = c_function(types.void(record_type(TICKET), record_type(record_layout(params))))(function)
        model = Model(name=name, formula=formula, params=params, file=False, function=compiled)
        FILL_MODELS.add(name, model, function.__module__)
        return compiled

    return register


def latency_model(name: str, *, formula: str, params: Bounds = NOTHING, file: bool = False) -> Callable[[Any], Any]:
    """Register `function(stream, params, table, rows)`: ns from decision to arrival, for one order.

    stream: uint64, the order's own; draw from it with `uniform_nb(stream, n)`, n = 0, 1, ...; file: the configuration
    must name a file of measured latencies, of which `table` points to `rows` sorted float64 ms.
    """

    def register(function: Any) -> Any:
        table = types.CPointer(types.float64)
        signature = types.float64(types.uint64, record_type(record_layout(params)), table, types.int64)
        compiled = c_function(signature)(function)
        model = Model(name=name, formula=formula, params=params, file=file, function=compiled)
        LATENCY_MODELS.add(name, model, function.__module__)
        return compiled

    return register


def record_layout(names: Collection[str]) -> np.dtype[np.void]:
    """Layout of a record of float64 fields of those names."""
    return np.dtype([(name, "f8") for name in names or NO_FIELDS])


def bind_fill(config: FillConfig) -> BoundModel:
    """The configured fill model. Raises ConfigError for an unknown name or parameter."""
    return _bind(FILL_MODELS.get(config.model), config.params, "simulation.fill.params", np.zeros(0))


def bind_latency(config: LatencyConfig) -> BoundModel:
    """The configured latency model. Raises ConfigError for an unknown name or parameter, DataError for a bad file."""
    model = LATENCY_MODELS.get(config.model)
    if model.file != bool(config.file):
        raise ConfigError(
            f"latency model {model.name!r} {'needs a file' if model.file else 'takes no file'}",
            where="simulation.latency.file",
            fix="simulation.latency.file=PATH" if model.file else 'simulation.latency.file=""',
        )
    table = read_latencies(ROOT / config.file) if model.file else np.zeros(0)
    return _bind(model, config.params, "simulation.latency.params", table)


def _bind(model: Model, given: dict[str, float], where: str, table: npt.NDArray[np.float64]) -> BoundModel:
    record = np.zeros(1, model.layout)
    for name, value in zip(model.params, parameters(model.name, model.params, given, where), strict=True):
        low, high = model.params[name]
        if not low <= value <= high:
            raise ConfigError(
                f"{where}.{name} is {value:g}", where=where, fix=f"{where}.{name}=VALUE from {low:g} to {high:g}"
            )
        record[name] = value
    return BoundModel(model, record, table)


def read_latencies(path: Path) -> npt.NDArray[np.float64]:
    """Measured latencies in ms, sorted, from a text file with one number a line; `#` begins a comment.

    Raises DataError `latencies` if it is not there, or holds something else.
    """
    fix = "write one latency in milliseconds a line, or choose simulation/latency=lognormal"
    if not path.is_file():
        raise DataError("no file of measured latencies", rule="latencies", where=shown(path), fix=fix)
    lines = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    try:
        values = np.array([float(line) for line in lines if line])
    except ValueError as why:
        raise DataError(f"not a list of latencies: {why}", rule="latencies", where=shown(path), fix=fix) from why
    if not len(values) or not np.all(np.isfinite(values) & (values >= 0)):
        raise DataError("latencies must be numbers from 0 on", rule="latencies", where=shown(path), fix=fix)
    return np.sort(values)


def model_table(models: Registry[Model]) -> str:
    """The models of one kind as a markdown table."""
    rows = [(f"`{m.name}`", m.formula, ", ".join(m.params) or "-") for m in models.all().values()]
    return markdown(("model", "formula", "parameters"), rows)
