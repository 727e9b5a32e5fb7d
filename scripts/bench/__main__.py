"""`python -m scripts.bench [--only NAME] [--quick] [--json FILE]`: speed and memory as ratios measured in one run."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

import scripts.bench as package
from scripts.bench.registry import BENCHMARKS, Benchmark, Figure
from utils.errors import EXIT_USER_ERROR, FxError, nearest


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen benchmarks; the exit code is 2 for a name that does not exist."""
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("bench_"):
            importlib.import_module(f"scripts.bench.{module.name}")
    names = [name for b in BENCHMARKS for name in b.names]
    parser = argparse.ArgumentParser(prog="poe bench", description=__doc__, allow_abbrev=False)
    parser.add_argument("--only", metavar="NAME", action="append", help=f"one of: {', '.join(names)}; or a prefix")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: all of it in under a minute")
    parser.add_argument(
        "--json", metavar="FILE", type=Path, help="one object a line: name, value, unit, baseline, ratio"
    )
    options = parser.parse_args(arguments)
    try:
        chosen = _chosen(options.only, names)
    except FxError as error:
        print(error.text(), file=sys.stderr)
        return EXIT_USER_ERROR
    figures = _run(chosen, options.quick)
    Console().print(_table(figures))
    if options.json:
        options.json.write_text("".join(json.dumps(asdict(figure)) + "\n" for figure in figures))
    return 0


def _chosen(only: list[str] | None, names: list[str]) -> list[Benchmark]:
    for name in only or []:
        if not any(known.startswith(name) for known in names):
            raise FxError(
                f"no benchmark is called {name!r}",
                near=nearest(name, names),
                fix=f"--only one of: {', '.join(names)}",
            )
    return [b for b in BENCHMARKS if not only or any(n.startswith(o) for n in b.names for o in only)]


def _run(chosen: list[Benchmark], quick: bool) -> list[Figure]:
    figures: list[Figure] = []
    for bench in chosen:
        print(f"{', '.join(bench.names)}: {bench.about}", file=sys.stderr, flush=True)
        figures += bench.run(quick)
    return figures


def _table(figures: list[Figure]) -> Table:
    table = Table("name", "value", "unit", "baseline", "ratio", title="benchmarks")
    for f in figures:
        table.add_row(f.name, f"{f.value:,.3g}", f.unit, f"{f.baseline:,.3g}", f"{f.ratio:,.1f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
