"""Why the policy acts as it does: which inputs matter, how far back, and whether that can be believed."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from metrics import registry as names
from metrics.dashboard.explain import plots, tables
from metrics.dashboard.explain.checks import Check, checks, thinned
from metrics.dashboard.grid import figure, rows_grid
from metrics.dashboard.page import Page, Parts, View, add_page, attributes, card, part
from metrics.dashboard.parts import COLOURS, POINTS, curve, explained, family, panel, words
from metrics.explanation import FOLDER, Explanation, failure
from metrics.reading import PSI_MOVED, PSI_OTHER, ROW_UNITS
from metrics.registry import Metric
from metrics.runs import State
from metrics.store_schema import LATEST
from utils.errors import ModelError

NO_GATES = words(
    "This network has no gates.", "train with one that fuses its tokens by gates (docs/metrics.md: model/gate)"
)
NOTHING = words("No check yet.")


def layout() -> list[Component]:
    """The check, what matters, how far back, whether to believe it, what to do; then what the run itself records."""
    return [
        part("explain-check", "choice", "The check that is shown", data_option="check"),
        html.Div([*_what(), *_where(), *_trust(), *_care()], className="of-check"),
        html.Div(
            [
                card(
                    "Gates",
                    part("explain-gates", "table", "How far each gate is open"),
                    note="How far each part of the input is let in before anything is decided. Below "
                    f"{tables.SHUT:.0%} a gate is as good as shut: the policy does not listen there.",
                ),
                html.Div(
                    card(
                        "Heads",
                        part("explain-heads", "table", "Entropy and mean lag of every head"),
                        note="Each head looks for one thing. Entropy near 100 % looks everywhere alike and tells "
                        "nothing about where; near 0 % it has found one place.",
                    ),
                    className="of-check",
                ),
            ],
            className="columns",
        ),
        part("explain-curves", "curves", "Gates and norms over time", data_csv="numbers"),
    ]


def _what() -> list[Component]:
    return [
        part("explain-cards", "cards", "Key figures of the check"),
        html.Div(
            [
                card(
                    "What it decides by",
                    part("explain-features", "plot", "Features by share", data_height="620"),
                    note="How much each input moved the chosen action against the other possible ones, as a share of "
                    "all inputs: by integrated gradients, by SHAP as a second opinion; and what the critic's value "
                    "rests on. A long bar that both agree on is what it trades on: not which way, nor that it pays.",
                ),
                card(
                    "And how far back",
                    part("explain-scales", "plot", "Features by time scale", data_height="620"),
                    note="The same features by age of what was seen, shares of all. Weight on what is fresh needs "
                    "fast data and fast orders; weight far back is a slower setup.",
                ),
            ],
            className="columns",
        ),
        html.Div(
            [
                card(
                    "Families",
                    part("explain-families", "plot", "Shares by family", data_height="440"),
                    note="The same shares, summed over related features: what kind of trader it is.",
                ),
                card(
                    "Time scales",
                    part("explain-branches", "plot", "Shares by branch", data_height="440"),
                    note="Seconds, minutes or days, or its own position. A policy that listens mostly to its own "
                    "position manages trades more than it finds them.",
                ),
            ],
            className="columns",
        ),
    ]


def _where() -> list[Component]:
    lags = [
        card(
            f"Which {title} back",
            part(f"explain-lag-{branch}", "plot", f"Share by {unit} back", data_height="210"),
            note=note,
        )
        for branch, title, unit, note in (
            ("hf", "second", "second", "Share of a decision by age, now on the right. A spike at one lag is a habit "
             "of the market, or of the simulator: doubt it until real days show it too."),
            ("mf", "minute", "minute", "The same over completed minutes."),
            ("lf", "session", "session", "The same over previous sessions."),
        )
    ]  # fmt: skip
    maps = [
        card(f"Attention: {title}", part(f"explain-attention-{branch}", "plot", title, data_height="230"), note=note)
        for branch, title, note in (
            (
                "hf",
                "seconds",
                "Stronger colour: looked at more. Looking is not acting: the shares above say what counted.",
            ),
            ("mf", "minutes", ""),
            ("lf", "sessions", ""),
            ("fusion", "what is asked", "How much each head takes of each part of the input, given its position."),
        )
    ]
    return [html.Div(lags, className="columns three"), html.Div(maps, className="columns four")]


def _trust() -> list[Component]:
    return [
        html.Div(
            [
                card(
                    "Can it be believed?",
                    part("explain-soundness", "table", "What speaks for the explanation and against it"),
                    note="One NO, and the pictures above are a story. All yes: they say what this network does with "
                    "its inputs, not that doing so makes money.",
                ),
                card(
                    "Taken away and given back",
                    part("explain-faithful", "plot", "Deletion and insertion curves", data_height="300"),
                    note="Inputs are set to nothing, strongest first: solid lines should fall (rise) well before the "
                    "dotted ones, which take a random order.",
                ),
                card(
                    "Inputs that have moved",
                    part("explain-drift", "plot", "Drift of inputs", data_height="300"),
                    note="Population stability index of what the lanes see now against all training days. Below "
                    f"{PSI_MOVED:g} alike, above {PSI_OTHER:g} others than it learnt on. "
                    "The curriculum picks moments, so that some of it is meant.",
                ),
            ],
            className="columns three",
        ),
    ]


def _care() -> list[Component]:
    return [
        html.Div(
            [
                card(
                    "Dead, quiet, and what to do",
                    part("explain-advice", "table", "Features to do something about"),
                    note="Inputs without effect cost time and invite chance. Quiet becomes dead when it lasts.",
                ),
                card(
                    "Twins",
                    part("explain-redundant", "table", "Pairs of features that say the same"),
                    note="Two features that say the same share their credit at random: judge them together.",
                ),
            ],
            className="columns left",
        ),
        part("explain-course", "curves", "Shares and soundness over the training", data_exact="yes"),
        card(
            "All features",
            _grid(),
            note="Every figure of the check; heads sort and filter. Ablation: how much decisions change without the "
            "feature. Spread: standard deviation over the training days, after scaling.",
        ),
    ]


def _grid() -> Component:
    columns: list[dict[str, Any]] = [
        {"field": "id", "headerName": "Feature", "width": 190},
        {"field": "branch", "headerName": "Branch", "width": 115},
        {"field": "family", "headerName": "Family", "width": 115},
        figure("action", "Share", ".2%", width=98, sort="desc"),
        figure("shap", "SHAP", ".2%", width=82),
        figure("value", "Value", ".2%", width=82),
        figure("ablation", "Ablation", ".2%", width=98),
        figure("spread", "Spread", ".3f", width=86),
        figure("drift", "PSI", ".3f", width=78),
        {"field": "state", "headerName": "State", "width": 80},
        {"field": "advice", "headerName": "Advice", "flex": 1, "minWidth": 200},
    ]
    one = {"mode": "singleRow", "checkboxes": False, "enableClickSelection": False}
    grid = rows_grid("explain-table", columns, height=430, selection=one)
    named = attributes(data_kind="grid", aria_label="All features")
    return html.Div(grid, id="explain-grid", className="part", **named)


# ---------------------------------------------------------------- news
def news(view: View) -> Parts:
    """What the checks say when there is a new one or another is chosen; what the store has."""
    found = checks(view.summary.folder)
    told, trouble = _shown(found, str(view.options.get("check") or ""))
    parts = {"explain-gates": _gates(view, told), "explain-curves": _recorded(view)}
    if not (view.first or view.new(FOLDER)):
        return parts
    parts |= _of_check(told) if told else dict.fromkeys(_parts_of_check(), NOTHING)
    parts["explain-grid"] = tables.all_rows(told) if told else {"rows": []}
    parts["explain-course"] = tables.over_time([digest for check in thinned(found) if (digest := check.digest())])
    why = failure(view.summary.folder)
    trouble += [tables.failed(why)] if why else []
    parts["explain-check"] = _choice(found, told, trouble) if found else _empty(view, trouble)
    return parts


def _shown(found: list[Check], wanted: str) -> tuple[Explanation | None, list[str]]:
    """The check that is asked for, else the newest that can be read; and what is wrong with others before it."""
    asked = [check for check in found if str(check.step) == wanted]
    trouble: list[str] = []
    for check in [*asked, *reversed(found)]:
        try:
            return check.opened(), trouble
        except (ModelError, FileNotFoundError):
            said = (
                f"The check of step {check.step:,} cannot be read: {check.path.name} is damaged. An older one is shown."
            )
            trouble += [said] if said not in trouble else []
    return None, trouble


def _choice(found: list[Check], told: Explanation | None, trouble: list[str]) -> dict[str, Any]:
    newest = found[-1].step
    broken = {check.path.name for check in thinned(found) if check.digest() is None}
    options = [
        {"value": str(check.step), "text": f"step {check.step:,}{' (damaged)' if check.path.name in broken else ''}"}
        for check in reversed(found)
    ]
    options[0] = {"value": "", "text": f"newest: {options[0]['text']}"}
    step = told.step if told else newest
    return {
        "label": "Check at",
        "options": options,
        "chosen": "" if step == newest else str(step),
        "note": f"{told.model}, {len(found)} check{'s' if len(found) > 1 else ''} of this run" if told else "",
        "trouble": trouble,
    }


def _empty(view: View, trouble: list[str]) -> dict[str, Any]:
    said = "No check has explained this run yet: which inputs matter, how far back, which are dead."
    every, going = view.config["explain"]["every"], view.summary.state == State.RUNNING
    fix = (
        f"wait: there is one every {every:,} updates (explain.every)"
        if going and every
        else "train with explain.every=N, a check every N updates in a process of its own, or ./fx explain"
    )
    return words(" ".join([*trouble, said]), fix)


def _parts_of_check() -> tuple[str, ...]:
    lags = tuple(f"explain-lag-{branch}" for branch in ROW_UNITS)
    maps = tuple(f"explain-attention-{branch}" for branch in tables.PER_BRANCH)
    own = ("cards", "features", "scales", "families", "branches", "soundness", "faithful", "drift", "advice")
    return (*(f"explain-{name}" for name in (*own, "redundant", "heads")), *lags, *maps)


def _of_check(told: Explanation) -> Parts:
    return {
        "explain-cards": tables.cards(told),
        "explain-features": plots.feature_bars(told),
        "explain-scales": plots.scale_map(told),
        "explain-families": plots.family_bars(told),
        "explain-branches": plots.branch_bars(told),
        **{f"explain-lag-{branch}": plots.lag_bars(told, branch) for branch in ROW_UNITS},
        **{f"explain-attention-{branch}": plots.attention_map(told, branch) for branch in tables.PER_BRANCH},
        "explain-soundness": tables.soundness(told),
        "explain-faithful": plots.curves_of_trust(told.curve),
        "explain-drift": plots.drift_bars(told),
        "explain-advice": tables.advice(told),
        "explain-redundant": tables.redundant(told),
        "explain-heads": tables.heads(told),
    }


def _gates(view: View, told: Explanation | None) -> Any:
    found = view.store.snapshot(LATEST)
    now = found.value if found else {}
    recorded = {name: now[column] for name, column in family(view.store, names.GATE).items() if column in now}
    return tables.gates(recorded, told) if recorded or (told and told.gates) else NO_GATES


def _recorded(view: View) -> Any:
    """Of the run's store: norms and gates over time."""
    panels = [
        made
        for title, metric in (
            ("Gates", names.GATE),
            ("Norm of the weights", names.WEIGHT_NORM),
            ("Norm of the gradients", names.GRADIENT_PART),
        )
        for made in _panels(view, title, metric)
    ]
    nothing = words("No norm is recorded of this run.", "metrics.collectors has to name model")
    return {"panels": panels} if panels else nothing


def _panels(view: View, title: str, metric: Metric) -> list[dict[str, Any]]:
    """The family in panels of at most COLOURS lines."""
    members = family(view.store, metric)
    if not members:
        return []
    rows = view.store.series(list(members.values()), POINTS)
    lines = [
        curve(name.replace("_", " "), rows, column, f"c{i % COLOURS}")
        for i, (name, column) in enumerate(members.items())
    ]
    parts = [lines[i : i + COLOURS] for i in range(0, len(lines), COLOURS)]
    heads = [title] if len(parts) == 1 else [f"{title} ({i + 1})" for i in range(len(parts))]
    return [panel(head, metric.unit, part, explained(metric.name)) for head, part in zip(heads, parts, strict=True)]


add_page(
    Page(
        name="explain",
        title="Explain",
        order=6,
        about="Why it acts as it does: which inputs matter, how far back, and whether that can be believed.",
        layout=layout,
        news=news,
        tables=("numbers",),
        folders=(FOLDER,),
    )
)
