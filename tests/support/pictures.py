"""Whether pictures of pages are kept, for the documentation."""

from __future__ import annotations

import os

KEEP = os.environ.get("FX_KEEP_PICTURES") == "1"
