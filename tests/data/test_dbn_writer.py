"""Files that Databento's own reader takes for its own."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import databento
import numpy as np
import pytest
import zstandard

from data.dbn_writer import encode_dbn, write_dbn
from data.layout import SECOND_NS, WIRE
from utils.errors import DataError

DATE = dt.date(2025, 4, 18)
START = int(dt.datetime(2025, 4, 18, tzinfo=dt.UTC).timestamp()) * SECOND_NS
DAY = 86_400 * SECOND_NS
HEAD: dict[str, Any] = {"dataset": "SYNTHETIC.FXAI", "start_ns": START, "end_ns": START + DAY}
SYMBOLS = {"MLGO": [(DATE, DATE + dt.timedelta(days=1), 5)], "KZIA": [(DATE, DATE + dt.timedelta(days=1), 7)]}


def _records(schema: str, count: int = 4) -> Any:
    records: Any = np.zeros(count, WIRE[schema])
    records["publisher_id"] = 1
    records["instrument_id"] = np.where(np.arange(count) % 2, 5, 7)
    records["ts_event"] = START + np.arange(count) * SECOND_NS
    if "ts_recv" in records.dtype.names:
        records["ts_recv"] = records["ts_event"] + 150_000
    if "price" in records.dtype.names:
        records["price"], records["size"] = 5_250_000_000 + np.arange(count) * 10_000_000, 300
        records["action"], records["side"] = b"T", b"B"
    return records


@pytest.mark.parametrize("schema", sorted(WIRE))
def test_databento_reads_what_was_written(tmp_path: Path, schema: str) -> None:
    records = _records(schema)
    path = tmp_path / f"x.{schema}.dbn.zst"
    write_dbn(path, schema, records, symbols=SYMBOLS, **HEAD)
    store = databento.DBNStore.from_file(path)
    read = store.to_ndarray()
    assert (store.dataset, str(store.schema)) == ("SYNTHETIC.FXAI", schema)
    assert (store.metadata.start, store.metadata.end) == (START, START + DAY)
    for mine, theirs in zip(records.dtype.names, read.dtype.names, strict=True):
        if mine not in ("length", "rtype"):
            np.testing.assert_array_equal(records[mine], read[theirs])
    assert (read["length"] * 4 == records.dtype.itemsize).all()


def test_symbols_are_mapped_by_databento(tmp_path: Path) -> None:
    path = tmp_path / "x.dbn.zst"
    write_dbn(path, "trades", _records("trades"), symbols=SYMBOLS, **HEAD)
    frame = databento.DBNStore.from_file(path).to_df()
    assert list(frame["symbol"]) == ["KZIA", "MLGO", "KZIA", "MLGO"]
    assert list(frame["price"]) == [5.25, 5.26, 5.27, 5.28]


def test_the_same_records_give_the_same_bytes_and_are_left_alone() -> None:
    records = _records("mbp-1")
    before = records.tobytes()
    first = encode_dbn("mbp-1", records, symbols=SYMBOLS, **HEAD)
    assert first == encode_dbn("mbp-1", records, symbols=SYMBOLS, **HEAD)
    assert records.tobytes() == before


def test_no_records_are_a_valid_file(tmp_path: Path) -> None:
    path = tmp_path / "x.dbn.zst"
    write_dbn(path, "status", np.zeros(0, WIRE["status"]), symbols=SYMBOLS, **HEAD)
    assert len(databento.DBNStore.from_file(path).to_ndarray()) == 0


def test_damage_is_noticed_by_the_checksum() -> None:
    content = bytearray(encode_dbn("mbp-1", _records("mbp-1", 1000), symbols=SYMBOLS, **HEAD))
    assert zstandard.get_frame_parameters(bytes(content)).has_checksum
    content[-1] ^= 1
    with pytest.raises(zstandard.ZstdError):
        zstandard.ZstdDecompressor().decompress(bytes(content))


def test_wrong_input_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)mbp1.*mbp-1"):
        write_dbn(tmp_path / "x", "mbp1", _records("mbp-1"), symbols=SYMBOLS, **HEAD)
    with pytest.raises(DataError, match="dtype"):
        write_dbn(tmp_path / "x", "trades", _records("mbp-1"), symbols=SYMBOLS, **HEAD)
    assert not list(tmp_path.iterdir())
