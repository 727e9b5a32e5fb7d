"""Pages about studies: HTML files that load nothing."""

from __future__ import annotations

import html
from collections.abc import Sequence

import plotly.offline
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from scripts.optimise.attributes import FIGURES
from scripts.optimise.pictures import pictures
from scripts.optimise.studies import ABOUT, FROM, ranked
from utils.web.page import page, table_html


def study_page(study: Study, best: Sequence[FrozenTrial], luck: str) -> str:
    """One study: its best trials, the luck of all tries in words, pictures."""
    parts = [f'<p><a href="../index.html">All studies</a> {html.escape(_counted(study))}</p>']
    if best:
        parts += [f"<h2>Best trials</h2>{_trials(best)}<p>{html.escape(luck)}.</p>"]
    for title, about, piece in pictures(study):
        parts.append(f"<h2>{html.escape(title)}</h2><p>{html.escape(about)}</p>{piece}")
    script = f"<script>{plotly.offline.get_plotlyjs()}</script>"
    return page(f"Study {study.study_name}", "".join(parts), head=script)


def _trials(best: Sequence[FrozenTrial]) -> str:
    names = list(dict.fromkeys(name for trial in best for name in trial.params))
    head = [
        "trial",
        "from",
        "lower bound",
        "mean",
        "drawdown",
        *(name.removeprefix("reward.components.") for name in names),
    ]
    rows = [
        [
            str(trial.number),
            str(trial.user_attrs.get(FROM, "sampler")),
            f"{trial.values[0]:+,.2f}",
            f"{trial.user_attrs[FIGURES]['mean']:+,.2f}",
            f"{trial.user_attrs[FIGURES]['drawdown']:.1%}",
            *(_value(trial.params.get(name, "")) for name in names),
        ]
        for trial in best
    ]
    return table_html(head, rows, text=2)


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _counted(study: Study) -> str:
    trials = study.get_trials(deepcopy=False)
    done = {state: sum(trial.state == state for trial in trials) for state in TrialState}
    told = ", ".join(f"{count} {state.name.lower()}" for state, count in done.items() if count)
    return f"· {len(trials)} of {study.user_attrs[ABOUT]['trials']} trials: {told}"


def index_page(studies: Sequence[Study]) -> str:
    """All of them, with links."""
    rows = "".join(
        f'<li><a href="{html.escape(study.study_name)}/index.html">{html.escape(study.study_name)}</a> '
        f"{html.escape(_counted(study))}{html.escape(_best(study))}</li>"
        for study in studies
    )
    return page("Studies", f"<ul>{rows}</ul>")


def _best(study: Study) -> str:
    best = ranked(study)
    return f"; best lower bound {best[0].values[0]:+,.2f} $ per validation session" if best else "; no best yet"
