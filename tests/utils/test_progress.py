"""Progress of long work."""

from __future__ import annotations

import pytest

from utils.progress import with_progress


def test_progress_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert list(with_progress(iter(range(3)), 3, 0.0, "scanning", "days")) == [0, 1, 2]
    assert len(caplog.records) == 3
    assert caplog.messages[-1].startswith("scanning: 3 of 3 days")
