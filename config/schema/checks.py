"""What the checks of values share. Every refusal begins with the full key and says what to use."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence


def require(ok: bool, text: str) -> None:
    """Raises ValueError(text) unless `ok`."""
    if not ok:
        raise ValueError(text)


def one_of(key: str, value: str, options: Sequence[str]) -> None:
    """Raises ValueError unless `value` is one of two or more `options`."""
    require(value in options, f"{key} is {value!r}; use {', '.join(options[:-1])} or {options[-1]}")


def at_least(group: str, node: object, least: float, *names: str) -> None:
    """Raises ValueError unless each of the fields `names` of `node`, which stands at `group`, is `least` or more."""
    for name in names:
        value = getattr(node, name)
        require(value >= least, f"{group}.{name} is {value}; use {least:g} or more")


def is_date(text: str) -> bool:
    """Whether it is a date as YYYY-MM-DD."""
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True
