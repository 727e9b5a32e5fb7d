"""The page of all features: complete, from the declarations, with a picture of every family that is up to date."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from config.schema import FeatureConfig
from feature.docs import COLUMNS, PICTURES, TELLING, families, feature_table, telling
from feature.extractor import FeatureExtractor
from feature.registry import Feature, feature, identity, registered, temporary_features
from scripts.feature_pictures import HALF_HOUR, WHOLE_DAY, family_svg, key_of, picture_key, span_of, stale_pictures
from scripts.feature_values import day_values, first_price
from tests.support.rich_day import rich_day
from utils.jit import njit

MOST_BYTES = 60_000


def test_a_heading_a_picture_and_a_row_for_everything() -> None:
    text = feature_table()
    for name, entries in families().items():
        section = text.partition(f"\n## {name} ({len(entries)})\n")[2].partition("\n## ")[0]
        assert f"({PICTURES}/{name}.svg)" in section
        assert all(f"| `{entry.feature.name}` | {entry.feature.branch} |" in section for entry in entries)
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {len(COLUMNS) + 1}


def test_a_section_begins_with_what_the_family_is_about() -> None:
    text = feature_table()
    assert "## flow (15)\n\nWho presses: order-flow imbalance at the touch and the initiative of trades.\n" in text
    assert "| Unknown without a trade in the window. |" in text


def test_what_is_telling_exists_and_is_of_its_family() -> None:
    known = families()
    assert set(TELLING) <= set(known)
    for family, names in TELLING.items():
        assert telling(known[family]) == names
        assert len(names) == 3


def test_a_new_family_shows_its_first_features() -> None:
    with temporary_features():

        @feature(
            *(
                Feature(
                    name=name,
                    branch="hf",
                    family="planted",
                    formula="mid",
                    inputs=("mid",),
                    units=units,
                    normalise=identity(),
                )
                for name, units in (("m", "mask"), ("a", "1"), ("b", "1"), ("c", "1"), ("d", "1"))
            )
        )
        @njit
        def planted_nb(mid, first, stop, out):
            """Unknown before noon."""
            for t in range(first, stop):
                out[t] = mid[t]

        assert telling(families()["planted"]) == ("a", "b", "c")
        assert "## planted (5)" in feature_table()
    assert "planted" not in families()


def test_values_are_those_of_the_model(tmp_path: Path) -> None:
    """And NaN instead of 0 where they are unknown."""
    extractor = FeatureExtractor(FeatureConfig(families=[], exclude=[], windows={}), tmp_path)
    day, values = extractor.build(rich_day()), day_values(rich_day(), registered())
    for branch, names in extractor.schema.names.items():
        for column, name in enumerate(names):
            shown = np.nan_to_num(values[name]).astype(np.float32)
            np.testing.assert_array_equal(shown, getattr(day, branch)[:, column], err_msg=name)
    assert np.isnan(values["ofi_30s"][: first_price(rich_day())]).all()


def test_pictures_are_small_and_the_same_on_every_run() -> None:
    day = rich_day()
    for name in ("flow", "daily", "minute"):
        entries = families()[name]
        svg = family_svg(entries, day)
        assert family_svg(entries, day) == svg
        assert key_of(svg) == picture_key(entries)
        assert len(svg) < MOST_BYTES
        assert all(feature in svg for feature in telling(entries))


def test_quick_features_are_shown_over_half_an_hour() -> None:
    by_name = {entry.feature.name: entry.feature for entry in registered()}
    assert span_of([by_name["ofi_30s"], by_name["from_open"]]) == HALF_HOUR
    assert span_of([by_name["from_open"], by_name["bar_return"]]) == WHOLE_DAY


def test_stale_pictures_are_found(tmp_path: Path) -> None:
    """Missing ones, those of other code, and those of families that are no more; keys alone decide."""
    known = families()
    for name, entries in known.items():
        (tmp_path / f"{name}.svg").write_text(f"<svg><!-- key: {picture_key(entries)} --></svg>")
    assert stale_pictures(tmp_path) == []
    (tmp_path / "flow.svg").write_text("<svg><!-- key: 0123 --></svg>")
    (tmp_path / "book.svg").write_text("<svg></svg>")
    (tmp_path / "gone.svg").write_text("<svg></svg>")
    (tmp_path / "vwap.svg").unlink()
    assert [path.stem for path in stale_pictures(tmp_path)] == ["book", "flow", "gone", "vwap"]


def test_no_picture_in_the_documentation_is_large() -> None:
    from scripts.docs import FOLDER

    pictures = list((FOLDER / PICTURES).glob("*.svg"))
    assert {path.stem for path in pictures} == set(families())
    assert all(path.stat().st_size < MOST_BYTES for path in pictures)
