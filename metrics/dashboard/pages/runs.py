"""All runs side by side: what they came to, their curves on shared axes, what differs in their configurations."""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path
from typing import Any

import yaml
from dash import html
from dash.development.base_component import Component

from config.keys import leaves
from metrics import registry as names
from metrics.dashboard.grid import figure, rows_grid
from metrics.dashboard.page import Page, Parts, View, add_page, attributes, card, part
from metrics.dashboard.parts import COLOURS, EXACT, POINTS, curve, explained, panel, plain, table, words
from metrics.notes import Kind
from metrics.registry import find
from metrics.run_store import RunStore
from metrics.runs import CONFIG, RunSummary, State, list_runs
from utils.errors import ModelError

MOST = 6
"""Runs that are compared at once."""
COMPARED = {
    names.REWARD: "Reward per step",
    names.EPISODE_PNL: "Episode P&L",
    names.WIN_SHARE: "Episodes won",
    names.VALIDATION_PNL: "Validation P&L per day",
    names.DRAWDOWN: "Drawdown",
    names.LOSS: "Loss",
    names.APPROX_KL: "Approximate KL",
    names.EXPLAINED_VARIANCE: "Explained variance",
    names.ENTROPY_LOSS: "Entropy loss",
    names.STEPS_PER_S: "Steps per second",
}
DIFFERENT = 200
"""Lines of the configuration that are shown."""
NOTED = 300
"""Events that are shown: the newest."""
OWN = ("name",)
"""Keys that always differ."""


def layout() -> list[Component]:
    """The table, then what is chosen in it."""
    return [
        card(
            "All runs",
            _grid(),
            note=f"Tick up to {MOST} to compare them. ./fx compare v1 v2 sets two models side by side on held-out "
            "days; the page Replay plays one day by two checkpoints.",
        ),
        part("runs-curves", "curves", "Curves of the chosen runs", data_csv="numbers"),
        html.Div(
            [
                card("What differs in their configurations", part("runs-diff", "table", "Configuration differences")),
                card("Checkpoints and events", part("runs-notes", "table", "Checkpoints, validations, stages")),
            ],
            className="columns",
        ),
    ]


def _grid() -> Component:
    columns: list[dict[str, Any]] = [
        {"field": "id", "headerName": "Run", "width": 250},
        {"field": "state", "headerName": "State", "width": 105},
        {"field": "began", "headerName": "Began (UTC)", "width": 150},
        figure("step", "Steps", ",d", width=100),
        figure("seconds", "Seconds", ",.0f", width=95),
        figure("speed", "Steps/s", ",.0f", width=95),
        figure("pnl", "Episode P&L $", "+,.2f", width=125),
        figure("wins", "Episodes won", ".0%", width=120),
        figure("validation", "Validation $/day", "+,.2f", width=135),
        {"field": "model", "headerName": "Model", "width": 85},
        {"field": "git", "headerName": "Code", "width": 105},
        {"field": "group", "headerName": "Lineage", "width": 220},
    ]
    boxes = {"mode": "multiRow", "enableClickSelection": False, "headerCheckbox": False}
    grid = rows_grid("runs-table", columns, height=250, selection=boxes)
    return html.Div(
        grid, id="runs-grid", className="part", **attributes(data_kind="grid", data_many="runs", aria_label="Runs")
    )


def news(view: View) -> Parts:
    """The table, and the comparison of what is chosen: the run that is looked at where nothing is."""
    runs = [run for run in list_runs(view.runs) if run.state != State.OTHER]
    wanted = [str(name) for name in view.options.get("runs") or []]
    chosen = [run for run in runs if run.name in wanted][:MOST] or [
        run for run in runs if run.folder == view.summary.folder
    ]
    return {
        "runs-grid": {"rows": [_row(run) for run in runs], "chosen": [run.name for run in chosen]},
        "runs-curves": _curves(chosen),
        "runs-diff": _differences(chosen),
        "runs-notes": _notes(view),
    }


def _row(run: RunSummary) -> dict[str, Any]:
    values = run.numbers.value if run.numbers else {}
    parts = run.about.get("parts") or [{}]
    git = parts[-1].get("git") or {}
    began = str(parts[0].get("time", ""))[:19].replace("T", " ")
    return {
        "id": run.name,
        "state": str(run.state),
        "began": began,
        "step": run.step,
        "seconds": plain(values.get(names.ELAPSED_S.name)),
        "speed": plain(values.get(names.STEPS_PER_S.name)),
        "pnl": plain(values.get(names.EPISODE_PNL.name)),
        "wins": plain(values.get(names.WIN_SHARE.name)),
        "validation": plain(values.get(names.VALIDATION_PNL.name)),
        "model": str(run.result.get("version", "")),
        "git": _code(git),
        "group": run.group,
    }


def _code(git: Any) -> str:
    """Commit, marked if there were changes on top of it."""
    if not isinstance(git, dict):
        return str(git)[:10]
    commit = str(git.get("commit", ""))[:8]  # pyright: ignore[reportUnknownArgumentType]
    return f"{commit}{'+' if git.get('dirty') else ''}"


def _curves(runs: list[RunSummary]) -> Any:
    lines: dict[str, list[dict[str, Any]]] = {metric.name: [] for metric in COMPARED}
    for i, run in enumerate(runs):
        try:
            with RunStore(run.folder) as store:
                known = [metric.name for metric in COMPARED if metric.name in store.names()]
                rows = store.series(known, POINTS // 2) if known else None
        except (ModelError, sqlite3.Error):
            continue
        for name in known if rows is not None else []:
            lines[name].append(curve(run.name, rows, name, f"c{i % COLOURS}"))  # pyright: ignore[reportArgumentType]
    panels = [
        panel(COMPARED[find(name)], find(name).unit, found, explained(name), exact=find(name) in EXACT)
        for name, found in lines.items()
        if found
    ]
    return {"panels": panels, "legend": True} if panels else words("These runs have no numbers.", "choose others")


def _differences(runs: list[RunSummary]) -> Any:
    if len(runs) < 2:
        return words("One run is chosen.", "tick another one in the table")
    plain_configs = [leaves(yaml.load((run.folder / CONFIG).read_text(), Loader=yaml.CSafeLoader)) for run in runs]
    keys = dict.fromkeys(key for config in plain_configs for key in config if key not in OWN)
    missing = object()
    cells = [
        [key, *(str(config.get(key, "not there")) for config in plain_configs)]
        for key in keys
        if len({str(config.get(key, missing)) for config in plain_configs}) > 1
    ]
    if not cells:
        return words("Their configurations are the same.")
    head = ["key", *(run.name for run in runs)]
    return table(head, cells[:DIFFERENT], text=len(head))


def _notes(view: View) -> Any:
    notes = view.store.notes()
    kept = list(notes.tail(NOTED).iter_rows(named=True))
    held = _held(view.summary.folder)
    cells = [
        [
            dt.datetime.fromtimestamp(row["time"], dt.UTC).strftime("%m-%d %H:%M:%S"),
            row["kind"],
            _told(row, held),
            f"{row['step']:,}",
        ]
        for row in reversed(kept)
    ]
    if not cells:
        return words("Nothing is noted of this run.", "wait for its first checkpoint")
    return table(["UTC", "what", view.summary.name, "step"], cells, text=3)


def _held(folder: Path) -> set[str]:
    """Checkpoints that are still on disk: older ones make room."""
    return {path.name for path in folder.glob("checkpoints/*")}


def _told(row: dict[str, Any], held: set[str]) -> str:
    if row["kind"] != Kind.CHECKPOINT:
        return row["text"]
    return f"{row['text']}{'' if row['text'].rpartition(' ')[2] in held else ' (gone: only the newest are kept)'}"


add_page(
    Page(
        name="runs",
        title="Runs",
        order=7,
        about="All runs, side by side: figures, curves on shared axes, and what differs in their configurations.",
        layout=layout,
        news=news,
        tables=("numbers", "notes"),
    )
)
