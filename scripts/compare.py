"""Two or more models side by side, on held-out sessions that none of them has seen.

`./fx compare v3 v5 [v7 ...] [key=value ...]` prints what the models are, what they earned, and how far the others are
ahead of the first, session by session. A model is a version, "best" or a folder.
"""

from __future__ import annotations

import datetime as dt
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from agent.statistics.evaluation import Evaluation, evaluate
from agent.statistics.intervals import mean_interval
from agent.statistics.luck import power
from agent.trials import tried
from config.compose import load_config
from config.keys import leaves
from config.schema import Config
from scripts.backtesting import held_out, note_backtest, open_test
from scripts.command import Parser, exit_code
from scripts.output import out
from scripts.pipeline import Market, metadata_of, model_registry, open_market
from scripts.progress import DayProgress
from scripts.trials import trial_ledger
from utils.errors import ConfigError, DataError
from utils.logger import setup_logging

APART = ("name", "mode", "seed", "runs", "models", "backtest", "wandb", "metrics")
"""Of a model's configuration: what says nothing about the model, or is told by itself."""


class Side(NamedTuple):
    """A model, and what it did."""

    name: str
    about: dict[str, Any]
    result: Evaluation


def compared(config: Config, market: Market, models: Sequence[str]) -> list[Side]:
    """Trade the sessions that none of the models has seen with each of them; every one is noted as a try."""
    paths = [model_registry(config).resolve(model, market.synthetic) for model in models]
    dates = common_dates(config, market, paths)
    ledger = trial_ledger(config, market.split.hash)
    done: list[tuple[Any, ...]] = []
    for path in paths:
        test = open_test(config, market, path, dates)
        run = test.backtest.run(test.policy, progress=DayProgress(config.training.log_every_s))
        done.append((path.name, test.about, run, note_backtest(config, market, test, run)))
    known = tried(ledger.read())
    draws, seed = config.backtest.bootstrap_draws, config.seed
    return [
        Side(name, about, evaluate(run, sessions, {}, draws=draws, seed=seed, tried=known))
        for name, about, run, sessions in done
    ]


def common_dates(config: Config, market: Market, models: Sequence[Path]) -> list[dt.date]:
    """Sessions to trade with all of `models`. Raises DataError if there are none."""
    each = [held_out(config, market, metadata_of(model)) for model in models]
    dates = sorted(set(each[0]).intersection(*each[1:]))
    if not dates:
        raise DataError(
            "there is no session that none of the models has seen",
            where=", ".join(f"{model.name}: {len(own)}" for model, own in zip(models, each, strict=True)),
            fix="name the dates: backtest.date=FIRST:LAST",
        )
    return dates


def about_table(sides: Sequence[Side]) -> Table:
    """What the models are: origin, score, and the values of their configurations that differ."""
    table = Table("", *(side.name for side in sides), title="models")
    facts = {
        "configuration": "name",
        "goes on from": "parent",
        "steps": "steps",
        "seed": "seed",
        "validation, $ net per day": "score",
        "commit": "git.commit",
        "days trained on": "days",
    }
    told = [_plain(side.about) for side in sides]
    for label, key in facts.items():
        table.add_row(label, *(_shown(about.get(key)) for about in told))
    configs = [leaves(side.about.get("config", {})) for side in sides]
    for key in sorted({key for config in configs for key in config}):
        values = [config.get(key) for config in configs]
        if key.partition(".")[0] not in APART and any(value != values[0] for value in values):
            table.add_row(key, *map(_shown, values))
    return table


def _plain(about: dict[str, Any]) -> dict[str, Any]:
    commit = (about.get("git") or {}).get("commit")
    return {**about, "git.commit": commit and commit[:8], "days": len(about.get("days", ()))}


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.6g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def result_table(sides: Sequence[Side]) -> Table:
    """What they earned."""
    sessions = sides[0].result.sessions
    title = f"{len(sessions.dates)} sessions, {sessions.dates[0]} to {sessions.dates[-1]}"
    table = Table("", *(side.name for side in sides), title=title)
    for label in _figures(sides[0].result):
        table.add_row(label, *(_figures(side.result)[label] for side in sides))
    return table


def _figures(of: Evaluation) -> dict[str, str]:
    trades, done = of.trades, of.activity
    return {
        "net $ per session": of.mean.text(),
        "Sharpe ratio, a year": of.sharpe.text(".2f"),
        "Sortino ratio": _number(of.ratios.sortino, ".2f"),
        "probability of skill (PSR)": _number(of.probabilistic_sharpe, ".0%"),
        f"the same after {of.tried.policies:,} tries (DSR)": _number(of.deflated_sharpe, ".0%"),
        "sessions needed to be sure": _number(of.min_track_record, ",.0f"),
        "deepest drawdown, $": _number(of.drawdowns[0].dollars if of.drawdowns else 0.0, ",.2f"),
        "sessions won, of those traded": _number(of.days.hit_rate, ".0%"),
        "round trips": f"{trades.round_trips:,}",
        "round trips won": _number(trades.win_rate, ".0%"),
        "profit factor": _number(trades.profit_factor, ".2f"),
        "$ per round trip": _number(trades.expectancy, "+,.2f"),
        "time with a position": _number(done.exposure, ".0%"),
        "turnover per session, of the capital": _number(done.turnover, ".1f"),
        "gross, $": _number(done.gross, "+,.2f"),
        "costs, $": _number(sum(done.costs.values()), ",.2f"),
    }


def _number(value: float, form: str) -> str:
    return f"{value:{form}}" if math.isfinite(value) else "-"


def verdicts(sides: Sequence[Side], draws: int, seed: int) -> list[str]:
    """Each of the others against the first, session by session, and what so many sessions can tell."""
    first, *others = sides
    lines: list[str] = []
    for other in others:
        apart = other.result.sessions.pnl - first.result.sessions.pnl
        lead = mean_interval(apart, draws, seed)
        told = "cannot be told apart"
        if lead.low > 0 or lead.high < 0:
            told = f"{other.name if lead.low > 0 else first.name} is better"
        lines.append(
            f"{other.name} - {first.name}: {lead.text()} $ net per session, ahead in {(apart > 0).mean():.0%} and "
            f"behind in {(apart < 0).mean():.0%} of them: {told}. {power(apart).text}"
        )
    return lines


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say. Raises FxError for mistakes in the input."""
    parser = Parser("./fx compare", __doc__, options="MODEL MODEL ...")
    _, words = parser.read(arguments)
    models = list(dict.fromkeys(word for word in words if "=" not in word))
    if len(models) < 2:
        raise ConfigError(f"{len(models)} model cannot be compared", where="the command line", fix="./fx compare v3 v5")
    config = load_config("backtest", [word for word in words if "=" in word])
    for model in models:
        model_registry(config).resolve(model)  # refused before the scan if it is not there
    sides = compared(config, open_market(config), models)
    out.print(about_table(sides))
    out.print(result_table(sides))
    out.print("\n".join(verdicts(sides, config.backtest.bootstrap_draws, config.seed)))
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 for wrong input."""
    setup_logging()
    return exit_code(run, arguments)


if __name__ == "__main__":
    sys.exit(main())
