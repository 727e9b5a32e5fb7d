"""Databento's files: .dbn and .dbn.zst, found by their headers."""

from __future__ import annotations

from data.databento_provider import DATABENTO, DatabentoProvider
from data.provider import data_provider

data_provider(DATABENTO)(DatabentoProvider)
