"""What the checks of values share."""

from __future__ import annotations


def require(ok: bool, text: str) -> None:
    """Raises ValueError(text) unless `ok`; `text` begins with the full key and says what to use."""
    if not ok:
        raise ValueError(text)
