"""What the agent made of the market in the rollout."""

from __future__ import annotations

import numpy as np

from data.day_clock import HOUR_S
from metrics import registry as names
from metrics.collecting import collector, given_by
from metrics.registry import Group
from metrics.rollout import Rollout


@collector(Group.TRADING)
def trading(rollout: Rollout) -> dict[str, float]:
    """P&L, costs and exposure of all steps; what the round trips that were closed came to."""
    steps = rollout.steps
    values = given_by(rollout.stats, Group.TRADING)
    if not steps.size:
        return values
    turned = steps["notional"] / np.maximum(steps["equity_before"], 1.0)
    return values | {
        names.PNL.name: float((steps["equity_after"] - steps["equity_before"]).sum()),
        names.COSTS.name: float(steps["cost"].sum()),
        names.TURNOVER.name: float(turned.sum() / max(int(steps["seconds"].sum()), 1) * HOUR_S),
        names.EXPOSURE.name: float(steps["exposure"].mean()),
        names.INVESTED.name: float((steps["position_after"] != 0.0).mean()),
        names.MAX_DRAWDOWN.name: float(steps["drawdown"].max()),
        names.CLOSED.name: float((steps["closed"] != 0).sum()),
        **_trades(rollout),
    }


def _trades(rollout: Rollout) -> dict[str, float]:
    """Nothing if no round trip was closed."""
    closed = rollout.steps[rollout.steps["closed"] != 0]
    if not len(closed):
        return {}
    pnl = closed["trade_realised"]
    lost = -float(pnl[pnl < 0.0].sum())
    return {
        names.TRADE_PNL.name: float(pnl.mean()),
        names.TRADE_WINS.name: float((pnl > 0.0).mean()),
        names.MAE.name: float(closed["mae"].mean()),
        names.MFE.name: float(closed["mfe"].mean()),
        names.HELD_S.name: float(closed["held_s"].mean()),
        **({names.PROFIT_FACTOR.name: float(pnl[pnl > 0.0].sum()) / lost} if lost else {}),
    }
