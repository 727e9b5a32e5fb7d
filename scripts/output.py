"""Where programs print their results: standard output. What they say on the way goes to the log."""

from __future__ import annotations

from rich.console import Console

WIDTH = 160
"""Columns where it is no terminal."""
out = Console(highlight=False, width=None if Console().is_terminal else WIDTH)
