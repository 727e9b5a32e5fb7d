"""The section "Why did it trade?" has the figures of the explanation, and of single decisions what why.js asks for."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import pytest

from agent.report.why import TOP, feature_bars, lag_bars, scale_table, why_html
from metrics.explanation import Explanation, Stratum
from metrics.reading import cause_rows, percent, ranked
from tests.support.explanations import DEAD, made_decision, made_explanation

DECISION = made_decision("MLGO", "2025-04-15", 20_123, Stratum.EXIT)


@pytest.fixture(scope="module")
def told() -> Explanation:
    return made_explanation(decisions=[DECISION])


def test_bars_are_as_long_as_the_shares_and_strokes_stand_where_shap_puts_them(told: Explanation) -> None:
    leaders = ranked(told.features)[:TOP]
    svg = feature_bars(leaders)
    widths = [float(width) for width in re.findall(r'<rect class="total"[^>]* width="([\d.]+)"', svg)]
    assert widths == pytest.approx([widths[0] * use.action / leaders[0].action for use in leaders], abs=0.06)
    left = float(re.findall(r'<rect class="total" x="([\d.]+)"', svg)[0])
    strokes = [float(x) - left for x in re.findall(r'class="second" x1="([\d.]+)"', svg)]
    assert strokes == pytest.approx([widths[0] * use.shap / leaders[0].action for use in leaders], abs=0.06)
    assert f"{percent(leaders[0].action)}" in svg
    unknown = feature_bars([use._replace(shap=math.nan) for use in leaders])
    assert 'class="second"' not in unknown


def test_the_map_has_every_share_in_its_place(told: Explanation) -> None:
    leaders = ranked(told.features)[:TOP]
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', scale_table(told))
    assert [name for name, _ in rows] == [use.name.replace("_", " ") for use in leaders]
    order = {use.name: i for i, use in enumerate(told.features)}
    for (_, cells), use in zip(rows, leaders, strict=True):
        found = re.findall(r"<td(?: style=\"--s:(\d+)%\")?>(.*?)</td>", cells)
        expected = [
            percent(told.by_scale[order[use.name]][i]) if scale.branch == use.branch else ""
            for i, scale in enumerate(told.scales)
        ]
        assert [text for _, text in found] == expected
        assert all(bool(shade) == bool(text) for shade, text in found)


def test_lags_are_drawn_as_time_goes(told: Explanation) -> None:
    svg = lag_bars("mf", told.lags["mf"])
    heights = [float(height) for height in re.findall(r'<rect[^>]* height="([\d.]+)"', svg)]
    assert len(heights) == 30
    assert heights.index(max(heights)) == 30 - 1 - 3
    assert "most 3 min back" in svg
    assert lag_bars("lf", [0.0, 0.0]) == "<p>sessions (lf): nothing.</p>"


def test_it_says_what_speaks_against_it_and_what_to_do(told: Explanation) -> None:
    page = why_html(told)
    assert 'Can it be believed? <span class="pos">sound</span>' in page
    assert f"feature.exclude=[{DEAD}]" in page
    assert page.count("<td>yes</td>") == 4
    doubtful = why_html(replace(told, randomised=0.9))
    assert '<span class="neg">doubtful</span>' in doubtful
    assert "<td>NO</td>" in doubtful


def test_causes_travel_by_place_and_kind(told: Explanation) -> None:
    data = re.findall(r'<script type="application/json" id="why-data">(.*?)</script>', why_html(told))
    made = json.loads(data[0])
    assert list(made) == ["MLGO 2025-04-15 20123 exit"]
    causes = made["MLGO 2025-04-15 20123 exit"]["causes"]
    branches = {use.name: use.branch for use in told.features}
    expected = [[name, value, back, round(share, 4)] for name, value, back, share in cause_rows(DECISION, branches)]
    assert causes == expected
    assert made["MLGO 2025-04-15 20123 exit"]["target"] == "+2.31"


def test_without_an_explanation_it_says_how_to_get_one() -> None:
    page = why_html(None)
    assert "explain.trades=20" in page
    assert "why-data" not in page
