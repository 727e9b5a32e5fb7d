"""The measured page: docs/reward_audit.md and docs/reward_audit.svg."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scripts.audit.market import Audit
from scripts.audit_rewards.adversaries import ADVERSARIES
from scripts.audit_rewards.hunt import Outcome
from scripts.audit_rewards.learners import NAME
from scripts.docs import FOLDER
from scripts.svg import svg_text
from utils.atomic import write_text
from utils.logger import get_logger
from utils.markdown import markdown
from utils.paths import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = get_logger(__name__)
PAGE, PICTURE = FOLDER / "reward_audit.md", FOLDER / "reward_audit.svg"
COLOURS = ("#1f5fa8", "#b45309", "#15803d", "#7c3aed", "#be123c", "#0f766e")
END = "end"


def write_page(audit: Audit, found: Sequence[Outcome]) -> None:
    """Write page and picture from what the audit found."""
    write_text(PICTURE, picture(found))
    write_text(PAGE, page(audit, found))
    log.info("wrote %s and %s", shown(PAGE), shown(PICTURE))


def page(audit: Audit, found: Sequence[Outcome]) -> str:
    """What was tried, a line for each reward, and every figure of the presets."""
    rewards = list(dict.fromkeys(one.reward_name for one in found))
    presets = [name for name in rewards if not name.startswith("+")]
    cheats = [[f"`{a.name}`", a.about] for a in ADVERSARIES.all().values()]
    return "\n".join(
        [
            "<!-- Measured by `./fx audit-rewards --docs`; do not edit. -->\n",
            "# Hack hunt\n",
            "On a market whose prices are a martingale nobody can earn anything on average: whoever is paid there has "
            f"found a hole in [the reward](rewards.md). {len(found[0].reward):,} episodes of half an hour each on "
            f"{audit.data_name}.\n",
            "```sh\n./fx audit-rewards --docs\n```\n",
            f"![Mean reward against mean P&L of every cheat and training, by preset]({PICTURE.name})\n",
            "## Who tried\n",
            markdown(["cheat", "what it does"], [*cheats, [f"`{NAME}`", "PPO on that very reward, then its policy"]]),
            "## Verdicts\n",
            "A way of trading is a hack if its mean reward is above 0 while its mean P&L is not. `+name` is that "
            "component beside `log_equity`. Weights are those of the start and of the end of training; while costs are "
            "handed back, P&L is before them.\n",
            markdown(
                ["reward", "hacks", "most that a loser was paid", "by", "short training: reward", "P&L, $"],
                [_verdict(name, [one for one in found if one.reward_name == name]) for name in rewards],
            ),
            "## Presets, weights of the end\n",
            "Mean reward (mean P&L in dollars) per episode.\n",
            markdown(["who", *(f"`{name}`" for name in presets)], _figures(found, presets)),
        ]
    )


def _verdict(name: str, found: Sequence[Outcome]) -> list[str]:
    losers = [one for one in found if one.pnl.mean() <= 0.0]
    best = max(losers, key=lambda one: one.reward.mean(), default=None)
    learnt = next(one for one in found if one.who == NAME)
    return [
        f"`{name}`",
        str(sum(one.hacked for one in found)) + f" of {len(found)}",
        f"{best.reward.mean():+.4f}" if best else "-",
        f"{best.who} ({best.phase})" if best else "-",
        f"{learnt.reward.mean():+.4f}",
        f"{learnt.pnl.mean():+.2f}",
    ]


def _figures(found: Sequence[Outcome], presets: Sequence[str]) -> list[list[str]]:
    table = {(one.who, one.reward_name): one for one in found if one.phase == END}
    people = list(dict.fromkeys(who for who, _ in table))
    return [
        [who, *(f"{table[who, p].reward.mean():+.3f} ({table[who, p].pnl.mean():+.2f})" for p in presets)]
        for who in people
    ]


def picture(found: Sequence[Outcome]) -> str:
    """Mean reward against mean P&L, one dot per way of trading and preset; the forbidden quarter is shaded. SVG."""
    presets = list(dict.fromkeys(one.reward_name for one in found if not one.reward_name.startswith("+")))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set_xscale("symlog", linthresh=10.0)
        axes.set_yscale("symlog", linthresh=0.1)
        for preset, colour in zip(presets, COLOURS, strict=False):
            dots = np.array(
                [(o.pnl.mean(), o.reward.mean()) for o in found if o.reward_name == preset and o.phase == END]
            )
            axes.plot(dots[:, 0], dots[:, 1], "o", color=colour, markersize=5, alpha=0.75, label=preset)
        low, high = axes.get_xlim()[0], axes.get_ylim()[1]
        axes.fill_between([low, 0.0], 0.0, high, color="#be123c", alpha=0.08, linewidth=0)
        axes.annotate("paid for losing", (low, high), (6, -12), textcoords="offset points", color="#be123c")
        axes.set_xlim(left=low)
        axes.set_ylim(top=high)
        axes.axhline(0.0, color="#94a3b8", linewidth=0.8)
        axes.axvline(0.0, color="#94a3b8", linewidth=0.8)
        axes.set_xlabel("mean P&L per episode, $")
        axes.set_ylabel("mean reward per episode")
        axes.legend(loc="lower right")

    return svg_text(draw, (7.2, 4.0), "reward-audit")
