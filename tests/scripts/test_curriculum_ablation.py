from __future__ import annotations

import numpy as np

from scripts.curriculum_ablation import Arm, picture, table, verdict

STEPS = np.array([100, 200])
OURS = Arm("curriculum", STEPS, np.array([[1.0, 10.0], [3.0, 14.0]]))
OTHER = Arm("uniform starts", STEPS, np.array([[2.0, 4.0], [4.0, 9.0]]))


def test_the_table_shows_mean_and_range() -> None:
    lines = table([OURS, OTHER]).splitlines()
    assert lines[2] == "| 100 | +2.00 (+1.00 to +3.00) | +3.00 (+2.00 to +4.00) |"
    assert lines[-1] == "| mean of the curve | +7.00 (+5.50 to +8.50) | +4.75 (+3.00 to +6.50) |"


def test_the_verdict_says_it_whatever_it_is() -> None:
    assert "5.50 $ per day above uniform starts, over the whole curve 2.25 $ above" in verdict([OURS, OTHER])
    assert "do not overlap" in verdict([OURS, OTHER])
    worse = verdict([Arm("curriculum", STEPS, OTHER.pnl), Arm("uniform starts", STEPS, OURS.pnl - 2)])
    assert "3.50 $ per day below uniform starts" in worse
    assert "overlap: with 2 seeds" in worse
    assert "exactly 0" not in verdict([OURS, OTHER])
    assert "2 of 8 scores are exactly 0" in verdict([OURS, OTHER._replace(pnl=np.array([[0.0, 4.0], [0.0, 9.0]]))])


def test_the_picture_is_the_same_each_time() -> None:
    assert picture([OURS, OTHER]) == picture([OURS, OTHER])
