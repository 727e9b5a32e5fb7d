"""Trading as often and for as long as the policy does, but at random: what its turnover costs and luck may bring."""

from __future__ import annotations

import numpy as np

from agent.baselines.registry import Contest, baseline
from agent.episode_kernels import wander_all_nb
from agent.ledger import Ledger, Run
from envs.vector_environment import terms_of
from simulators.execution_simulator import Rules
from simulators.layout import ACTIONS, FILL, FILLS_PER_SECOND, STEP, TICKET
from simulators.portfolio_simulator import PortfolioSimulator
from utils.seeding import key


@baseline("random", about="buys and sells at random, as often and for as long as the agent; mean of the draws")
def random(contest: Contest) -> Run:
    """Match the round trips per flat second and per held second of the contest's policy."""
    ours, per_decision = contest.ours, contest.backtest.env.decision_interval_s
    trips, held = int(ours.trips.sum()), int(ours.held_s.sum())
    flat = int(ours.seconds.sum()) - held
    entry, leave = (min(1.0, per_decision * trips / max(seconds, 1)) for seconds in (flat, held))
    return wandered(contest, contest.backtest.config.random_draws, entry, leave)


def wandered(contest: Contest, draws: int, entry: float, leave: float) -> Run:
    """Random trading with given probabilities per decision, on draws x days lanes; no table of fills."""
    backtest = contest.backtest
    episodes = backtest.episodes() * draws
    rules, terms = Rules(backtest.simulation), terms_of(backtest.env)
    accounts = PortfolioSimulator(rules.table, len(episodes), backtest.seed)
    last = backtest.bank.table["last_s"]
    for lane, episode in enumerate(episodes):
        end = min(episode.start + episode.length, int(last[episode.day]))
        accounts.open(lane, episode.day, episode.start, end)
    ledger = Ledger(len(episodes))
    fills = np.zeros(FILLS_PER_SECOND * backtest.env.decision_interval_s + 1, FILL)
    work = (np.zeros(1, STEP), fills, np.zeros(1, TICKET), np.zeros(ACTIONS, np.bool_))
    chance = np.uint64(key(backtest.seed, "backtest", "random"))
    market = (backtest.bank.table, rules.table, terms)
    wander_all_nb(accounts.lanes, ledger.totals, *work, *market, entry, leave, chance, 0)
    return ledger.close("random", list(backtest.bank.days))
