"""Is it learning? Curves of the update and of what the agent made of the market."""

from __future__ import annotations

from dash.development.base_component import Component

from metrics import registry as names
from metrics.dashboard.page import Page, Parts, View, add_page, part
from metrics.dashboard.parts import metric_panels, words

PANELS = (
    ("Reward per step", (names.REWARD,)),
    ("Episode P&L", (names.EPISODE_PNL,)),
    ("Episode log return", (names.EPISODE_RETURN,)),
    ("Win rate", (names.WIN_SHARE, names.TRADE_WINS)),
    ("Validation P&L per day", (names.VALIDATION_PNL,)),
    ("Drawdown", (names.DRAWDOWN, names.MAX_DRAWDOWN)),
    ("Loss", (names.LOSS,)),
    ("Policy loss", (names.POLICY_LOSS,)),
    ("Value loss", (names.VALUE_LOSS,)),
    ("Entropy loss", (names.ENTROPY_LOSS,)),
    ("Approximate KL", (names.APPROX_KL,)),
    ("Clipped share", (names.CLIP_FRACTION,)),
    ("Explained variance", (names.EXPLAINED_VARIANCE,)),
    ("Learning rate", (names.LEARNING_RATE,)),
    ("Gradient norm", (names.GRADIENT_NORM,)),
    ("Steps per second", (names.STEPS_PER_S,)),
    ("Rollout and update", (names.ROLLOUT_S, names.UPDATE_S)),
    ("Trades in the rollout", (names.CLOSED,)),
    ("P&L of a trade", (names.TRADE_PNL,)),
    ("Costs in the rollout", (names.COSTS,)),
    ("Exposure", (names.EXPOSURE, names.INVESTED)),
    ("Invalid actions", (names.INVALID_SHARE,)),
)


def layout() -> list[Component]:
    """One part of many small charts."""
    return [part("training-curves", "curves", "Training curves", data_csv="numbers")]


def news(view: View) -> Parts:
    """All of them."""
    panels = metric_panels(view.store, PANELS)
    nothing = words("No rollout is finished yet.", "wait a few seconds: the first figures come with the first rollout")
    return {"training-curves": {"panels": panels} if panels else nothing}


add_page(
    Page(
        name="training",
        title="Training",
        order=2,
        about="Is it learning? Hover to read all charts at one step; drag to zoom all of them; titles explain.",
        layout=layout,
        news=news,
        tables=("numbers",),
    )
)
