"""Where the project's own folders are, whatever the working directory."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / "cache"


def anchored(path: str | Path) -> Path:
    """`path` itself if absolute, else below the project's root."""
    path = Path(path).expanduser()
    return path if path.is_absolute() else ROOT / path


def path_part(name: str) -> str:
    """A name from outside, e.g. a symbol, as one part of a path: it leads nowhere else."""
    return name.replace("/", "_")


def shown(path: str | Path) -> str:
    """`path` as people should read it: relative to the project's root where it lies below it."""
    path = Path(path)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
