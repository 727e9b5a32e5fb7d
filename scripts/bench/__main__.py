"""Speed and memory as ratios measured in one run: `./fx bench [--only NAME] [--quick] [--docs] [--json FILE]`."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

import scripts.bench as package
from scripts.bench.performance_page import write_page
from scripts.bench.registry import BENCHMARKS, Benchmark, Figure, out
from scripts.command import Parser, exit_code
from utils.errors import FxError, nearest
from utils.paths import shown


def run(arguments: Sequence[str]) -> int:
    """Run the chosen benchmarks. Raises FxError for a name that does not exist."""
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("bench_"):
            importlib.import_module(f"scripts.bench.{module.name}")
    names = [name for b in BENCHMARKS for name in b.names]
    parser = Parser("./fx bench", __doc__, more=f"names: {', '.join(names)}")
    parser.add_argument("--only", metavar="NAME", action="append", help="what to measure: a name, or how it begins")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--docs", action="store_true", help="write docs/performance.md; with --only, that page")
    parser.add_argument(
        "--json", metavar="FILE", type=Path, help="one object a line: name, value, unit, baseline, ratio"
    )
    options = parser.read_options(arguments)
    load = os.getloadavg()[0] if options.docs else 0.0
    results: list[tuple[Benchmark, list[Figure]]] = []
    for bench in _chosen(options.only, names):
        print(f"{', '.join(bench.names)}: {bench.about}", file=sys.stderr, flush=True)
        results.append((bench, bench.run(options.quick)))
        if options.docs and bench.page is not None:
            out.print("written:", ", ".join(shown(path) for path in bench.page(options.quick)))
    if options.docs and not options.only:
        out.print("written:", shown(write_page(results, load)))
    figures = [figure for _, found in results for figure in found]
    out.print(_table(figures))
    if options.json:
        options.json.write_text("".join(json.dumps(asdict(figure)) + "\n" for figure in figures))
    return 0


def _chosen(only: list[str] | None, names: list[str]) -> list[Benchmark]:
    if not only:
        return [b for b in BENCHMARKS if b.page is None]
    for name in only:
        if not any(known.startswith(name) for known in names):
            raise FxError(
                f"no benchmark is called {name!r}",
                near=nearest(name, names),
                fix=f"--only one of: {', '.join(names)}",
            )
    return [b for b in BENCHMARKS if any(n.startswith(o) for n in b.names for o in only)]


def _table(figures: list[Figure]) -> Table:
    table = Table("name", "value", "unit", "baseline", "ratio", title="benchmarks")
    for f in figures:
        table.add_row(f.name, f"{f.value:,.3g}", f.unit, f"{f.baseline:,.3g}", f"{f.ratio:,.1f}")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 2 and a message for mistakes in the input."""
    return exit_code(run, arguments)


if __name__ == "__main__":
    sys.exit(main())
