"""Named parts that are found by looking through a package: a new one is one new file."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
from collections.abc import Generator, Iterable, Mapping
from typing import Generic, TypeVar

from utils.errors import ConfigError, nearest

T = TypeVar("T")


class Registry(Generic[T]):
    """Parts of one kind by name: those of `package`'s modules and those that other code has added."""

    def __init__(self, kind: str, package: str, where: str) -> None:
        """kind: as it is called in messages; where: the configuration key that names one."""
        self._kind = kind
        self._package = package
        self._where = where
        self._parts: dict[str, tuple[str, T]] = {}

    def add(self, name: str, part: T, module: str) -> None:
        """Register `part`, declared in `module`. ConfigError if another module has taken the name."""
        taken = self._parts.get(name)
        if taken is not None and taken[0] != module:
            raise ConfigError(
                f"{self._kind} {name!r} is declared twice", where=f"{taken[0]} and {module}", fix="rename one of them"
            )
        self._parts[name] = (module, part)

    def all(self) -> dict[str, T]:
        """Every part by name, sorted."""
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")
        return {name: part for name, (_, part) in sorted(self._parts.items())}

    def get(self, name: str) -> T:
        """The part of that name. Raises ConfigError with the nearest names."""
        known = self.all()
        if name not in known:
            raise ConfigError(
                f"no {self._kind} is called {name!r}",
                where=self._where,
                near=nearest(name, known),
                fix=f"use one of: {', '.join(known)}",
            )
        return known[name]

    @contextlib.contextmanager
    def temporary(self) -> Generator[None]:
        """Parts added inside the block are forgotten when it ends."""
        self.all()  # a module is imported once only: what it declares must not be forgotten
        before = dict(self._parts)
        try:
            yield
        finally:
            self._parts = before


def parameters(what: str, declared: Iterable[str], given: Mapping[str, float], where: str) -> list[float]:
    """Values of `given` in the order of `declared`; both must have the same names. Raises ConfigError."""
    names = tuple(declared)
    unknown = [name for name in given if name not in names]
    missing = [name for name in names if name not in given]
    if unknown or missing:
        parts = [f"does not take {', '.join(unknown)}"] if unknown else []
        parts += [f"needs {', '.join(missing)}"] if missing else []
        raise ConfigError(
            f"{what} {' and '.join(parts)}",
            where=where,
            near=nearest(unknown[0], names) if unknown else (),
            fix=f"give exactly: {', '.join(names) or 'nothing'}",
        )
    return [float(given[name]) for name in names]
