"""A downloaded file is read to its last byte before it counts, and kept so that later damage shows.

Streamed answers may have no checksum: a flipped bit would decode to other prices. So such a file is compressed anew.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import zstandard

from data.dbn_header import FileInfo, layout_word, open_body, read_header
from data.dbn_stream import file_words
from data.download.ledger import Got
from data.layout import WIRE
from data.rules import broken

LEVEL = 3
CHUNK = 1 << 20
_LAYOUT = 0xFFFF
"""Of the first word of a record: its length and type."""


def seal(path: Path, name: str) -> Got:
    """Check `path` and see to its checksum; `name`: where it is going to be. Raises DataError with the broken rule."""
    info = _described(path, name)
    if not info.checksum:
        _with_checksum(path)
        info = _described(path, name)
    return Got(name, path.stat().st_size, sha256_of(path), _count(info))


def sha256_of(path: Path) -> str:
    """Of the whole file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _described(path: Path, name: str) -> FileInfo:
    found = read_header(path, name)
    if found is None:
        raise broken("not-dbn", path)
    return found[0]


def _count(info: FileInfo) -> int:
    """Records of the file, all read: the frame's checksum is compared, and every record has the schema's layout."""
    if info.schema not in WIRE:
        return 0  # definitions: only the header is read anywhere
    layout, seen = layout_word(info), 0
    for words in file_words(info):
        bad = (words[:, 0] & _LAYOUT) != layout
        if bad.any():
            raise broken("record-layout", info.path, record=seen + int(bad.argmax()))
        seen += len(words)
    return seen


def _with_checksum(path: Path) -> None:
    made = path.with_name(f"{path.name}.sealed")
    with open_body(path, compressed=True) as source, made.open("wb") as out:
        sink: Any = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).stream_writer(out, closefd=False)
        try:
            shutil.copyfileobj(source, sink, CHUNK)
        except zstandard.ZstdError as why:
            raise broken("checksum", path, str(why)) from why
        sink.close()
    made.replace(path)
