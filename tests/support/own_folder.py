"""A folder of a user's own within one process: looked into, and forgotten afterwards with all that it declared."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from config.search import OWN
from data.provider import PROVIDERS
from feature.registry import temporary_features
from metrics.collecting import COLLECTORS
from metrics.hub import SINKS
from metrics.registry import temporary_metrics
from rewards.registry import COMPONENTS
from simulators.models import FILL_MODELS, LATENCY_MODELS
from utils.paths import ROOT

MY_FX = ROOT / "tests" / "plugins" / "my_fx"
"""The one that docs/extending.md shows."""


@contextlib.contextmanager
def own_parts(folder: Path) -> Generator[Path]:
    """`folder` as `--config-dir` names it; what its modules declare inside the block is forgotten when it ends."""
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv(OWN, str(folder))
        patch.setattr(sys, "path", list(sys.path))
        for registry in (PROVIDERS, COLLECTORS, SINKS, COMPONENTS, FILL_MODELS, LATENCY_MODELS):
            stack.enter_context(registry.temporary())
        stack.enter_context(temporary_features())
        stack.enter_context(temporary_metrics())
        yield folder
    for name, module in list(sys.modules.items()):
        if Path(getattr(module, "__file__", None) or "/").is_relative_to(folder):
            del sys.modules[name]
