"""Nothing is lost and nothing comes from nowhere: accounts are kept a second time, from the fills alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from config.schema import Config
from data.layout import Market
from data.market_day import MarketDay
from envs.episodes import UniformEpisodes
from envs.step_kernels import SMALLEST_EQUITY
from envs.vector_environment import VectorTradingEnvironment
from scripts.audit.market import LOG_EVERY_S, Audit
from scripts.audit.report import Figure, Report, Table, at_most
from scripts.audit_fills.registry import check
from scripts.lanes import open_lanes, random_actions
from scripts.progress import counted
from simulators.day_bank import DayBank
from simulators.execution_kernels import market_nb
from simulators.layout import OrderKind
from utils.jit import njit
from utils.seeding import stream

STEPS, QUICK_STEPS = 1_000_000, 200_000
LANES = 64
LENGTHS = (30, 600)
"""Seconds of an episode."""
SHORTS = ("simulation/shorts=on", "simulation.shorts.availability=1.0")
MODES: dict[str, tuple[str, ...]] = {
    "marketable": ("simulation/orders=ioc",),
    "limit": ("simulation/orders=limit",),
    "stops": ("simulation/orders=stop", "simulation.orders.stop_distance=0.001"),
    "limit, stops": ("simulation/orders=limit", "simulation.orders.stop_distance=0.001"),
    "shorts, leverage 2": (*SHORTS, "simulation.account.leverage=2.0", "simulation.orders.stop_distance=0.002"),
    "shorts, limit, 4": (*SHORTS, "simulation.account.leverage=4.0", "simulation/orders=limit"),
    "cash account": ("simulation/account=cash",),
    "day traders": ("simulation/account=pdt", "simulation.account.capital=20000", "simulation/fees=ibkr_tiered"),
}
LOG_RETURN = ("reward=pnl_only", "reward.components.log_equity.weight=1")
"""The reward is the log return of the account, as it is."""
BID = int(Market.BID)
ASK = int(Market.ASK)

BOOKS = np.dtype(
    [
        ("cash", "f8"),
        ("position", "f8"),
        ("start", "f8"),  # equity
        ("rewards", "f8"),  # sum of what the reward component log_equity paid
        ("paper", "f8"),  # cash, had every fill been at the mid of its decision, without fees
        ("parts", "f8"),  # half spread + impact + latency + fees
    ]
)
"""What the fills of a lane's running episode add up to."""

WORST = np.dtype(
    [
        ("episodes", "i8"),
        ("fills", "i8", (len(OrderKind),)),  # by kind of order
        ("equity", "f8"),  # |cash + position * mark - equity|, dollars
        ("cash", "f8"),  # |cash - the ledger's|
        ("position", "f8"),
        ("step", "f8"),  # |sum of the fills' costs - the step's|, dollars
        ("rewards", "f8"),  # |sum of log rewards - ln(E_T / E_0)|
        ("costs", "f8"),  # |parts - (gross - net)| of an episode, dollars
        ("open", "f8"),  # shares left at an episode's end
    ]
)
"""The largest difference of each kind."""


@njit
def worse_nb(worst, difference):
    """The larger of the two sizes; what is not a number is the worst."""
    found = abs(difference)
    return worst if found <= worst else found


@njit
def keep_nb(book, worst, fills, count, step):
    """Take a step's fills into the second set of books."""
    half_spread, impact, latency, fees = 0.0, 0.0, 0.0, 0.0
    for i in range(count):
        fill = fills[i]
        worst["fills"][fill["kind"]] += 1
        book["cash"] -= fill["shares"] * fill["price"] + fill["fees"]
        book["paper"] -= fill["shares"] * fill["decision_mid"]
        book["position"] += fill["shares"]
        half_spread += fill["half_spread"]
        impact += fill["impact"]
        latency += fill["latency"]
        fees += fill["fees"]
        worst["cash"] = worse_nb(worst["cash"], fill["cash"] - book["cash"])
        worst["position"] = worse_nb(worst["position"], fill["position"] - book["position"])
    book["parts"] += half_spread + impact + latency + fees
    worst["step"] = worse_nb(worst["step"], step["half_spread"] - half_spread)
    worst["step"] = worse_nb(worst["step"], step["impact"] - impact)
    worst["step"] = worse_nb(worst["step"], step["latency"] - latency)
    worst["step"] = worse_nb(worst["step"], step["fees"] - fees)
    worst["step"] = worse_nb(worst["step"], step["cost"] - (half_spread + impact + fees))


@njit
def close_nb(book, worst):
    """The end of an episode: everything is cash again, and told in full."""
    grown = np.log(max(book["cash"], SMALLEST_EQUITY) / book["start"])
    gross, net = book["paper"], book["cash"] - book["start"]
    worst["open"] = worse_nb(worst["open"], book["position"])
    worst["rewards"] = worse_nb(worst["rewards"], book["rewards"] - grown)
    worst["costs"] = worse_nb(worst["costs"], book["parts"] - (gross - net))
    worst["episodes"] += 1


@njit
def open_nb(book, equity):
    """A fresh account."""
    book["cash"] = equity
    book["start"] = equity
    book["position"] = 0.0
    book["rewards"] = 0.0
    book["paper"] = 0.0
    book["parts"] = 0.0


@njit
def audit_nb(books, worst, days, lanes, steps, fills, counts, rewards):
    """One step of all lanes. `lanes` of ended episodes hold the next one already; their `steps` tell of the old."""
    for i in range(len(books)):
        book, step = books[i], steps[i]
        keep_nb(book, worst, fills[i], counts[i], step)
        row = market_nb(days[step["day"]])[step["second"]]
        mark = row[BID] if book["position"] > 0.0 else row[ASK]
        equity = book["cash"] + book["position"] * mark
        worst["equity"] = worse_nb(worst["equity"], equity - step["equity_after"])
        worst["position"] = worse_nb(worst["position"], book["position"] - step["position_after"])
        book["rewards"] += rewards[i, 0]
        if step["ending"] != 0:
            close_nb(book, worst)
            open_nb(book, lanes[i]["start_equity"])
        worst["cash"] = worse_nb(worst["cash"], book["cash"] - lanes[i]["cash"])
        worst["position"] = worse_nb(worst["position"], book["position"] - lanes[i]["position"])


def lanes_at_random(days: Sequence[MarketDay], config: Config, lanes: int) -> VectorTradingEnvironment:
    """Lanes that play random stretches of all days, for the plain log return of the account."""
    bank = DayBank(days, config.simulation)
    first, last = int(bank.table["first_s"].max()), int(bank.table["last_s"].min()) - 1
    source = UniformEpisodes(config.seed, len(days), first=first, last=last, length=LENGTHS)
    return open_lanes(days, config, lanes, source, config.seed)


def keep_books(env: VectorTradingEnvironment, steps: int, seed: int) -> np.void:
    """WORST over `steps` steps of an environment that was just reset, with random actions on all lanes."""
    rng = stream(seed, "audit", "conservation")
    books, worst = np.zeros(env.count, BOOKS), np.zeros(1, WORST)
    books["cash"] = books["start"] = env.lanes["start_equity"]
    for _ in range(steps):
        env.step(random_actions(env, rng, share=0.3, masked=0.8))
        state = (env.bank.table, env.lanes, env.steps, env.fills, env.fill_counts)
        audit_nb(books, worst[0], *state, env.reward.parts)
    return worst[0]


def merged(found: Sequence[np.void]) -> np.void:
    """The worst of several, and how much there was in all."""
    rows, both = np.array(found, WORST), np.zeros(1, WORST)
    for name in WORST.names or ():
        both[name] = rows[name].sum(0) if name in ("episodes", "fills") else rows[name].max()
    return both[0]


@check("conservation", order=3)
def conservation(audit: Audit) -> Report:
    """Random trading in every kind of account: cash, shares, equity, rewards and costs add up."""
    asked = QUICK_STEPS if audit.quick else STEPS
    steps = asked // (LANES * len(MODES)) + 1
    found: list[np.void] = []
    for words in counted(list(MODES.values()), "kinds of account", LOG_EVERY_S):
        config = audit.variant(*LOG_RETURN, *words)
        found.append(keep_books(lanes_at_random(audit.days, config, LANES), steps, config.seed))
    all_ = merged(found)
    done = steps * LANES * len(MODES)
    modes = [
        [name, *(f"{int(n):,}" for n in (w["episodes"], *w["fills"]))] for name, w in zip(MODES, found, strict=True)
    ]
    head = ["account and orders", "episodes", *(f"{kind.name.lower()} fills" for kind in OrderKind)]
    return Report(
        [
            Figure("random steps", f"{done:,}", f">= {asked:,}", done >= asked),
            at_most("cash + shares * mark against equity", float(all_["equity"]), 1e-6, "dollars"),
            at_most("cash from the fills against the account", float(all_["cash"]), 1e-6, "dollars"),
            at_most("shares from the fills against the account", float(all_["position"]), 0.0, ""),
            at_most("shares left at the end of an episode", float(all_["open"]), 0.0, ""),
            at_most("sum of log rewards against ln(E_T / E_0)", float(all_["rewards"]), 1e-9, ""),
            at_most("costs of the fills against those of the step", float(all_["step"]), 1e-6, "dollars"),
            at_most("spread + impact + latency + fees against gross - net", float(all_["costs"]), 0.005, "dollars"),
        ],
        [Table("Random trading", "What the lanes of the check `conservation` did.", head, modes)],
    )
