"""Figures as words, the same in terminals and on pages."""

from __future__ import annotations

import math

DASH = "-"
"""What is not defined."""


def signed(value: float, form: str = ",.2f") -> str:
    """With its sign, unless it rounds to nothing."""
    text = f"{value:+{form}}"
    return text if any(digit in text for digit in "123456789") else text[1:]


def money(value: float, digits: int = 2, *, plus: bool = True) -> str:
    """ "+$1,234.50", "-$0.75", "$0.00"; a dash if it is not finite. plus: of gains, not of amounts."""
    if not math.isfinite(value):
        return DASH
    text = signed(value, f",.{digits}f")
    text = text if plus else text.removeprefix("+")
    return f"{text[0]}${text[1:]}" if text[0] in "+-" else f"${text}"


def share(value: float, digits: int = 0) -> str:
    """ "12 %"; a dash if it is not finite."""
    return f"{value:.{digits}%}".replace("%", " %") if math.isfinite(value) else DASH


def number(value: float, digits: int = 2) -> str:
    """ "1.25", "inf", a dash for nan."""
    return DASH if math.isnan(value) else f"{value:,.{digits}f}"
