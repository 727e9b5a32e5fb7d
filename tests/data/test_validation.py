"""Every way in which a file can be bad, made for real."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
import zstandard

from data.layout import UNDEF_PRICE
from data.rules import RULES, Kind, table
from data.validation import verify_file, verify_folder
from tests.data.dbn_files import at, provider_of, read, records, utc_file
from utils.errors import DataError

DATE = dt.date(2024, 6, 12)
GOOD = [(1, at(DATE, 10 + n / 100)) for n in range(5000)]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return utc_file(tmp_path / "data" / "good.dbn.zst", "mbp-1", records("mbp-1", GOOD), {"AAA": 1}, first=DATE)


def rule_of(path: Path) -> str:
    """The one rule by which both the scan and the full check judge the file."""
    report = verify_file(path)
    assert len(report.errors) == 1
    assert RULES[report.errors[0][0]].kind is Kind.ERROR
    assert "fix:" in report.text()
    return report.errors[0][0]


def quarantined(path: Path) -> str:
    provider = provider_of(path.parent)
    assert [f.path for f in provider.files if f.path == path] == []
    return next(q.rule for q in provider.quarantined if q.path == path)


def test_a_good_file_is_good(good: Path) -> None:
    report = verify_file(good)
    assert report.ok
    assert (report.records, report.schema, report.version) == (5000, "mbp-1", 3)
    assert report.publishers == {95: 5000}
    assert provider_of(good.parent).files[0].checksum


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        (lambda b: b"", "empty-file"),
        (lambda b: b[: len(b) // 2], "truncated"),
        (lambda b: b[:-2], "truncated"),
        (lambda b: b[:20], "truncated"),
        (lambda b: b[:6], "truncated"),
        (lambda b: b + b, "concatenated"),
        (lambda b: b + b"\0", "concatenated"),
        (lambda b: b"symbol,price\nAAA,5\n", "not-dbn"),
        (lambda b: zstandard.compress(b"symbol,price\n"), "not-dbn"),
        (lambda b: b"DBZ\x01" + b[4:], "dbz"),
        (lambda b: zstandard.compress(b"DBZ\x01" + zstandard.decompress(b)[4:]), "dbz"),
        (lambda b: zstandard.compress(b"DBN\x09" + zstandard.decompress(b)[4:]), "version"),
        (lambda b: zstandard.decompress(b)[:-7], "truncated"),
        (lambda b: zstandard.decompress(b)[:60], "truncated"),
    ],
)
def test_damaged_files_are_left_out_by_name_and_the_rest_goes_on(good: Path, damage, rule: str) -> None:
    bad = good.with_name("bad.dbn.zst")
    bad.write_bytes(damage(good.read_bytes()))
    assert rule_of(bad) == rule
    assert quarantined(bad) == rule
    assert len(read(provider_of(good.parent), "AAA", DATE, "mbp-1")) == 5000


def test_a_flipped_bit_is_found_while_reading_and_names_the_record(good: Path) -> None:
    content = bytearray(good.read_bytes())
    content[len(content) // 2] ^= 4
    good.write_bytes(content)
    provider = provider_of(good.parent)
    if provider.files:  # the flip is in a block's content: only its checksum tells
        with pytest.raises(DataError, match=r"good\.dbn\.zst, record") as caught:
            read(provider, "AAA", DATE, "mbp-1")
        assert caught.value.rule in ("checksum", "record-layout")
        assert "download the file again" in str(caught.value)
    assert rule_of(good) in ("checksum", "record-layout", "truncated", "concatenated")


def test_a_flipped_bit_is_found_wherever_it_changes_the_content(tmp_path: Path) -> None:
    path = utc_file(tmp_path / "a.dbn.zst", "trades", records("trades", GOOD[:50]), {"AAA": 1}, first=DATE)
    whole = path.read_bytes()
    plain = zstandard.decompress(whole)
    rng = np.random.default_rng(0)
    for place, bit in zip(rng.integers(len(whole), size=400), rng.integers(8, size=400), strict=True):
        content = bytearray(whole)
        content[place] ^= 1 << int(bit)
        path.write_bytes(content)
        if verify_file(path).ok:  # some bits of a frame mean nothing
            assert zstandard.decompress(bytes(content)) == plain


def test_the_header_of_an_uncompressed_file_may_hold_anything(good: Path) -> None:
    plain = bytearray(zstandard.decompress(good.read_bytes()))
    rng = np.random.default_rng(1)
    head = int.from_bytes(plain[4:8], "little") + 8
    for _ in range(150):
        content = bytearray(plain)
        for place in rng.integers(4, head, 3):
            content[place] ^= 1 << int(rng.integers(8))
        path = good.with_name("odd.dbn")
        path.write_bytes(content)
        verify_file(path)  # must not raise


def test_unused_schema_is_no_damage_but_told(good: Path) -> None:
    content = zstandard.decompress(good.read_bytes())
    other = content.replace((1).to_bytes(2, "little"), (0).to_bytes(2, "little"), 1)  # schema code mbp-1 -> mbo
    path = good.with_name("mbo.dbn")
    path.write_bytes(other)
    assert rule_of(path) in ("schema", "record-layout", "header")


def test_records_of_another_schema_than_the_header_says(good: Path) -> None:
    plain = zstandard.decompress(good.read_bytes())
    head = int.from_bytes(plain[4:8], "little") + 8
    path = good.with_name("wrong.dbn")
    path.write_bytes(plain[:head] + records("trades", GOOD[:10]).tobytes())
    assert rule_of(path) in ("record-layout", "truncated")


def test_concatenated_uncompressed_files_break_at_the_second_header(good: Path) -> None:
    plain = zstandard.decompress(good.read_bytes())
    head = int.from_bytes(plain[4:8], "little") + 8
    path = good.with_name("two.dbn")
    path.write_bytes(plain + plain + b"\0" * (80 - head % 80))
    assert rule_of(path) == "record-layout"
    good.unlink()
    with pytest.raises(DataError, match="record 5,000") as caught:
        read(provider_of(path.parent), "AAA", DATE, "mbp-1")
    assert caught.value.rule == "record-layout"


def test_a_copy_of_a_file_is_left_out(good: Path) -> None:
    copy = good.with_name("good (1).dbn.zst")
    copy.write_bytes(good.read_bytes())
    provider = provider_of(good.parent)
    assert [q.rule for q in provider.quarantined] == ["duplicate-file"]
    assert len(read(provider, "AAA", DATE, "mbp-1")) == 5000


def test_a_file_without_records_is_valid(tmp_path: Path) -> None:
    path = utc_file(tmp_path / "d" / "a.dbn.zst", "mbp-1", records("mbp-1", []), {"AAA": 1}, first=DATE)
    report = verify_file(path)
    assert report.ok
    assert report.counts == {"record-free": 1}
    provider = provider_of(path.parent)
    assert provider.dates("AAA") == [DATE]
    assert len(read(provider, "AAA", DATE, "mbp-1")) == 0


def test_no_symbols(tmp_path: Path) -> None:
    path = utc_file(tmp_path / "d" / "a.dbn.zst", "mbp-1", records("mbp-1", GOOD), {}, first=DATE)
    assert rule_of(path) == quarantined(path) == "no-symbols"


@pytest.mark.parametrize("symbol", ["..", ".", "A\nERROR all is well", "A\x1b[2J"])
def test_a_symbol_that_is_none_is_refused(tmp_path: Path, symbol: str) -> None:
    """Folders of the cache and lines of logs are named by it."""
    path = utc_file(tmp_path / "d" / "a.dbn.zst", "mbp-1", records("mbp-1", GOOD), {symbol: 1}, first=DATE)
    assert rule_of(path) == quarantined(path) == "header"


def test_late_records_are_set_to_the_time_before_them_and_counted(tmp_path: Path) -> None:
    content = records("mbp-1", GOOD)
    content["ts_recv"][100] -= 50_000_000
    path = utc_file(tmp_path / "d" / "a.dbn.zst", "mbp-1", content, {"AAA": 1}, first=DATE)
    got = read(provider_of(path.parent), "AAA", DATE, "mbp-1")
    assert got["ts_recv"][100] == got["ts_recv"][99]
    assert np.all(np.diff(got["ts_recv"].astype(np.int64)) >= 0)
    assert verify_file(path).counts["out-of-order"] == 1


def test_shuffled_records_are_refused(tmp_path: Path) -> None:
    content = records("mbp-1", GOOD)
    content = content[np.random.default_rng(0).permutation(len(content))]
    path = utc_file(tmp_path / "d" / "a.dbn.zst", "mbp-1", content, {"AAA": 1}, first=DATE)
    with pytest.raises(DataError) as caught:
        read(provider_of(path.parent), "AAA", DATE, "mbp-1")
    assert caught.value.rule == rule_of(path) == "order"


def test_repeated_records_are_dropped_unless_they_have_no_sequence_number(tmp_path: Path) -> None:
    for name, sequence, kept in (("a", 1, 5000), ("b", 0, 5001)):
        content = records("trades", GOOD, sequence=sequence)
        twice = np.concatenate([content[:10], content[9:]])
        path = utc_file(tmp_path / name / "a.dbn.zst", "trades", twice, {"AAA": 1}, first=DATE)
        assert len(read(provider_of(path.parent), "AAA", DATE, "trades")) == kept
        assert verify_file(path).counts.get("duplicate", 0) == 5001 - kept


def test_book_repairs_are_counted(tmp_path: Path) -> None:
    content = records("mbp-1", GOOD)
    content["bid_px"] = content["ask_px"] = 5_000_000_000
    content["bid_px"][:3] = UNDEF_PRICE
    content["flags"][:7] = 0
    content["bid_sz"][:11] = 100
    content["instrument_id"][-13:] = 7
    path = utc_file(tmp_path / "d" / "a.dbn.zst", "mbp-1", content, {"AAA": 1}, first=DATE)
    want = {"undefined-price": 3, "open-event": 7, "zero-count": 11, "unmapped": 13}
    assert verify_file(path).counts == want


def test_foreign_files_are_passed_over(good: Path) -> None:
    (good.parent / "manifest.json").write_text("{}")
    (good.parent / ".hidden.dbn.zst").write_bytes(b"")
    (good.parent / "notes.zst").write_bytes(zstandard.compress(b"notes"))
    renamed = good.rename(good.with_name("no suffix at all"))
    assert [r.path for r in verify_folder(good.parent)] == [renamed]
    provider = provider_of(good.parent)
    assert [f.path for f in provider.files] == [renamed]
    assert provider.quarantined == ()


def test_databento_files_of_all_versions(dbn_test_folder: Path) -> None:
    reports = [verify_file(p) for p in sorted(dbn_test_folder.glob("*.dbn*")) if "frag" not in p.name]
    assert {r.version for r in reports if r.ok} == {1, 2, 3}
    assert {rule for r in reports for rule, _ in r.errors} == {"schema"}


def test_the_table_of_rules_is_complete() -> None:
    rows = table()
    assert len(rows) == len(RULES)
    assert all(all(cell for cell in row) for row in rows)
    assert {row[1] for row in rows} == {"error", "repair"}
