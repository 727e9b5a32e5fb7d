"""The same day, played by two checkpoints of a run: their fills on the same candles, and where they part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dash.development.base_component import Component

from metrics.dashboard.page import Page, Parts, View, add_page, card, part
from metrics.dashboard.parts import figure_card, table, tone, words
from metrics.figures import market_time
from metrics.replays import list_replays
from utils.web.text import money, share

LISTED = 12
"""Replays that are offered at once: the newest."""
VALIDATION = "validation.json"
"""Days that the run's scores are of, as it keeps them in its folder."""


def layout() -> list[Component]:
    """What to play, what was played, the day, the differences."""
    return [
        card(
            "Play a day by two checkpoints",
            part("replay-form", "replayform", "What to replay"),
            part("replay-list", "replaylist", "Replays of this run"),
            note="A process of its own plays it, a few seconds a day. Test sessions are not offered: whoever chooses "
            "by them has no test left.",
        ),
        part("replay-cards", "cards", "Key figures"),
        card("The day", part("replay-day", "replay", "Candles with the fills of both")),
        card("What differs", part("replay-table", "table", "Differences")),
    ]


def news(view: View) -> Parts:
    """The replay that was chosen, else the newest."""
    replays = list_replays(view.summary.folder)
    chosen = next(
        (one for one in replays if one["name"] == view.options.get("replay")), replays[0] if replays else None
    )
    told: Parts = {"replay-form": _form(view, chosen), "replay-list": _list(replays, chosen)}
    if chosen is None:
        return told | {
            "replay-cards": words("No day of this run was replayed yet."),
            "replay-day": words("Here come the candles of the day with the fills of both."),
            "replay-table": words("Here come the figures of both, side by side."),
        }
    head = [
        "figure",
        *(side["name"] for side in chosen["sides"]),
        f"{chosen['sides'][1]['name']} less {chosen['sides'][0]['name']}",
    ]
    return told | {
        "replay-cards": _cards(chosen),
        "replay-day": {"replay": {name: value for name, value in chosen.items() if name != "rows"}},
        "replay-table": table(head, chosen["rows"]),
    }


def _form(view: View, chosen: dict[str, Any] | None) -> dict[str, Any]:
    """What there is to choose from; as it was played last, else the oldest and the newest checkpoint."""
    folder = view.summary.folder
    days, checkpoints = _days(view), sorted(path.name for path in folder.glob("checkpoints/r*"))
    models = [*checkpoints, *filter(None, [view.summary.result.get("version")])]  # what it was registered as
    if len(checkpoints) < 2:
        kept = (
            f"This run has {len(checkpoints)} checkpoint{'' if len(checkpoints) == 1 else 's'}, and a replay takes two."
        )
        fix = "wait for the next one, or choose a run of more than training.checkpoint_every_s seconds above"
        return words(kept, fix)
    if not days:
        return words("This run names no day.", "./fx replay RUN --day SYMBOL DATE plays any")
    played = [side["name"] for side in chosen["sides"]] if chosen else []
    names = played if played and set(played) <= set(models) else [checkpoints[0], checkpoints[-1]]
    day = f"{chosen['symbol']} {chosen['date']}" if chosen else days[0]["value"]
    return {"days": days, "models": models, "day": day, "first": names[0], "second": names[1]}


def _days(view: View) -> list[dict[str, str]]:
    """Validation days, then those that were trained on, which is said."""
    path: Path = view.summary.folder / VALIDATION
    scored = [f"{symbol} {date}" for symbol, date, _ in json.loads(path.read_text())["days"]] if path.is_file() else []
    trained = sorted(view.summary.about.get("days", {}), key=lambda day: day.split()[::-1])
    return [
        *({"value": day, "label": f"{day} · validation"} for day in scored),
        *({"value": day, "label": f"{day} · in sample"} for day in trained),
    ]


def _list(replays: list[dict[str, Any]], chosen: dict[str, Any] | None) -> Any:
    choices = [
        {
            "value": one["name"],
            "label": f"{one['symbol']} {one['date']}: {' and '.join(side['name'] for side in one['sides'])}",
            "hint": ", ".join(f"{side['name']} {money(side['pnl'])}" for side in one["sides"]),
        }
        for one in replays[:LISTED]
    ]
    return {"value": chosen["name"] if chosen else "", "choices": choices}


def _cards(replay: dict[str, Any]) -> list[dict[str, str]]:
    sides, parting = replay["sides"], replay["parting"]
    sample, _, why = replay["sample"].partition(":")
    ahead = sides[1]["pnl"] - sides[0]["pnl"]
    differ = parting["differ"] / max(parting["decisions"], 1)
    first = parting["first"]
    return [
        *(
            figure_card(side["name"], money(side["pnl"]), f"net, after {side['step']:,} steps", tone=tone(side["pnl"]))
            for side in sides
        ),
        figure_card("Ahead", money(ahead), f"{sides[1]['name']} less {sides[0]['name']}", tone=tone(ahead)),
        figure_card("Decisions that differ", share(differ, 1), f"{parting['differ']:,} of {parting['decisions']:,}"),
        figure_card("They part at", "never" if first is None else f"{market_time(first)} ET", "first other decision"),
        figure_card("Sample", sample, why.strip(), hint=replay["sample"]),
    ]


add_page(
    Page(
        name="replay",
        title="Replay",
        order=8,
        about="What has it learned meanwhile? The same day from the same second on, by two checkpoints of the run.",
        layout=layout,
        news=news,
        tables=("notes",),
    )
)
