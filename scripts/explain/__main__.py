"""Why a model traded as it did on a day: what spoke for every entry and every exit, and what it goes by on the whole.

The day is traded as by ./fx backtest-date, which is noted as a look at it. Printed are the trades with the features
that spoke most for (+) or against (-) each decision, their values and how far back they stood; then the features that
matter most, and whether that can be believed. Without --date: the held-out sessions; explain.trades=N explains only the
N trades that won or lost most. The explanation and a picture of it are kept in the folder of the run.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Mapping, Sequence

from rich.table import Table

from agent.explaining import ENTRY, EXIT, OrdersNoted
from config.compose import load_config
from config.schema import Config
from metrics.explanation import FOLDER, Decision, Explanation, FeatureUse
from metrics.reading import branch_text, cause_rows, findings, percent, ranked, spoken, verdict
from scripts.backtesting import held_out, note_backtest, open_test
from scripts.command import Parser, date_option, exit_code
from scripts.explain.picture import explanation_svg
from scripts.explain.trades import Traded, Why, explain_trades
from scripts.output import out
from scripts.pipeline import Market, metadata_of, model_registry, open_market
from scripts.progress import DayProgress
from scripts.runs import run_folder
from utils.atomic import write_text
from utils.errors import ConfigError
from utils.logger import setup_logging
from utils.paths import shown

CAUSES, LEADERS = 3, 12
PICTURE = "explanation.svg"
CLOCK = "%H:%M:%S"


def explain_parser() -> Parser:
    """The options."""
    parser = Parser("./fx explain", __doc__, options="[--model MODEL] [--date DATE] [--symbol SYM]")
    parser.add_argument("--model", metavar="MODEL", default="best", help="v5, best or a folder; default: best")
    parser.add_argument("--date", metavar="DATE", help="the session to trade, or FIRST:LAST")
    parser.add_argument("--symbol", metavar="SYM", action="append", default=[], help="repeatable; A,B,C works too")
    return parser


def composed(arguments: Sequence[str]) -> Config:
    """The configuration that the arguments ask for. Raises ConfigError for what is none."""
    options, words = explain_parser().read(arguments)
    if other := [word for word in words if "=" not in word]:
        fix = "./fx explain --model v5 --date 2025-04-15"
        raise ConfigError(f"{other[0]!r} is no option", where="the command line", fix=fix)
    symbols = [name.strip().upper() for given in options.symbol for name in given.split(",") if name.strip()]
    chosen = [f"backtest.model={json.dumps(options.model)}", "name=explain", "explain.trades=1000000"]
    chosen += [f"symbols={json.dumps(symbols)}"] if symbols else []
    if options.date:
        first, _, last = options.date.partition(":")
        for text in (first, last or first):
            date_option(text)
        chosen.append(f"backtest.date={json.dumps(options.date)}")
    return load_config("backtest", [*chosen, *words])


def run(arguments: Sequence[str]) -> int:
    """Trade, explain, print and keep. Raises FxError for what is not there."""
    config = composed(arguments)
    setup_logging()
    model_registry(config).resolve(config.backtest.model)  # refused before the scan if it is not there
    with run_folder(config) as folder:
        market = open_market(config, "session", "--date ")
        traded = trade(config, market)
        why = explain_trades(config, market, traded, config.explain.trades)
        if why is None:
            out.print(f"{traded.model.name} did not trade: there is nothing to explain")
            return 0
        path = why.explanation.write(folder / FOLDER)
        write_text(folder / PICTURE, explanation_svg(why.explanation))
    tell(why, f"{traded.model.name}, {_span(traded)}{', SYNTHETIC MARKET' if market.synthetic else ''}")
    out.print(f"kept: {shown(path)}, drawn: {shown(folder / PICTURE)}")
    return 0


def trade(config: Config, market: Market) -> Traded:
    """Trade the sessions that are asked for with the model, and note it."""
    path = model_registry(config).resolve(config.backtest.model, market.synthetic)
    about = metadata_of(path)
    test = open_test(config, market, path, held_out(config, market, about))
    policy = OrdersNoted(test.policy)
    done = test.backtest.run(policy, progress=DayProgress(config.training.log_every_s))
    note_backtest(config, market, test, done)
    return test.traded(policy, done)


def _span(traded: Traded) -> str:
    dates: list[dt.date] = sorted({day.date for day in traded.backtest.days})
    return f"{dates[0]}" if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"


# ---------------------------------------------------------------- for the terminal
def tell(why: Why, title: str) -> None:
    """Print trades, features and whether to believe it."""
    told = why.explanation
    out.print(trade_table(why, f"Why it traded: {title}"))
    out.print(feature_table(told))
    word, _ = verdict(told)
    out.print(f"Can it be believed? {word}")
    for finding in findings(told):
        out.print(f"  {_mark(finding.good)} {finding.name}: {finding.figure} ({finding.text})")


def trade_table(why: Why, title: str) -> Table:
    """A trade a row, with what spoke for its ends."""
    table = Table(title=title, title_justify="left", show_lines=True)
    for name in ("symbol", "entered", "left", "P&L $", "what made it enter", "what made it leave"):
        table.add_column(name, justify="right" if name == "P&L $" else "left")
    branches = {use.name: use.branch for use in why.explanation.features}
    known = {(one.lane, one.second, one.stratum): one for one in why.explanation.decisions}
    for row in why.trades.iter_rows(named=True):
        ends = [known.get((row["lane"], row[column], end)) for column, end in ((ENTRY, "entry"), (EXIT, "exit"))]
        causes = [cause_text(one, branches) if one else f"not the agent: {row['closed_by']}" for one in ends]
        when = f"{row['date']} {row['entry']:{CLOCK}}", f"{row['exit']:{CLOCK}}"
        table.add_row(row["symbol"], *when, f"{row['pnl']:+,.2f}", *causes)
    return table


def cause_text(decision: Decision, branches: Mapping[str, str]) -> str:
    """The strongest causes, a line each: feature, value, how far back, signed share."""
    rows = cause_rows(decision, branches)[:CAUSES]
    return "\n".join(f"{name} {value}, {back}: {share:+.0%}" for name, value, back, share in rows)


def feature_table(told: Explanation) -> Table:
    """The features that matter most over all that was explained."""
    count = ", ".join(f"{number} {name}" for name, number in told.strata.items() if number)
    table = Table(title=f"What it goes by: {count}", title_justify="left")
    for name in ("feature", "branch", "family", "action", "value", "without it", "most"):
        table.add_column(name, justify="right" if name in ("action", "value", "without it") else "left")
    order = {use.name: row for row, use in enumerate(told.features)}
    for use in ranked(told.features)[:LEADERS]:
        shares = [percent(share) for share in (use.action, use.value, use.ablation)]
        table.add_row(
            spoken(use.name), branch_text(use.branch), spoken(use.family), *shares, _most(told, order[use.name], use)
        )
    return table


def _most(told: Explanation, row: int, use: FeatureUse) -> str:
    """The time scale at which a feature matters most."""
    own = [(told.by_scale[row][at], scale.text) for at, scale in enumerate(told.scales) if scale.branch == use.branch]
    return max(own, default=(0.0, ""))[1]


def _mark(good: bool | None) -> str:
    return "?" if good is None else "+" if good else "-"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 2 and a message for mistakes in the input."""
    return exit_code(run, arguments, stopped="Stopped; nothing was kept.")


if __name__ == "__main__":
    sys.exit(main())
