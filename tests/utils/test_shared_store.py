"""The shared cache over a real folder and over S3's own protocol, spoken by a server on this machine."""

from __future__ import annotations

import io
import json
import logging
import os
import pickle
import socket
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import xxhash
import zstandard

from utils import shared_store as module
from utils.errors import ConfigError
from utils.shared_store import SUFFIX, SharedStore, shared_store, without_secrets

SECRET = "not-a-real-secret-0123456789"
NAME = "days/ABC/2025-03-14-0123456789abcdef"


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """s3://... on a server that this test has started."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test-key-id")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("s3").create_bucket(Bucket="fx-shared")
        yield "s3://fx-shared/cache"
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place."""
    if request.param == "folder":
        return str(tmp_path / "shared")
    return f"{request.getfixturevalue('bucket')}/{tmp_path.name}"


def entry(folder: Path, content: bytes = b"\x00\x01" * 5000) -> Path:
    folder.mkdir(parents=True)
    (folder / "arrays.bin").write_bytes(content)
    (folder / "meta.json").write_text('{"a": 1}')
    os.utime(folder / "arrays.bin", ns=(10**18 + 7, 10**18 + 7))
    return folder


def overwrite(store: SharedStore, content: bytes) -> None:
    files, base = store.place()
    files.makedirs(f"{base}/{NAME}".rpartition("/")[0], exist_ok=True)
    files.pipe_file(f"{base}/{NAME}{SUFFIX}", content)


def test_what_one_machine_puts_another_takes(url: str, tmp_path: Path) -> None:
    made, taken = entry(tmp_path / "made"), tmp_path / "other" / "taken"
    assert not SharedStore(url).fetch(NAME, taken)
    SharedStore(url).put(NAME, made)
    other = pickle.loads(pickle.dumps(SharedStore(url)))  # noqa: S301 - of our own making
    assert other.fetch(NAME, taken)
    assert sorted(p.name for p in taken.iterdir()) == ["arrays.bin", "meta.json"]
    for path in made.iterdir():
        assert (taken / path.name).read_bytes() == path.read_bytes()
    assert (taken / "arrays.bin").stat().st_mtime_ns == (made / "arrays.bin").stat().st_mtime_ns
    files, base = other.place()
    assert [Path(p).name for p in files.find(base)] == [Path(NAME).name + SUFFIX]  # nothing half beside it


def test_an_entry_is_put_once_and_a_damaged_one_is_replaced(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, made = SharedStore(url), entry(tmp_path / "made")
    store.put(NAME, made)
    files, base = store.place()
    path = f"{base}/{NAME}{SUFFIX}"
    sound = files.cat_file(path)
    store.put(NAME, entry(tmp_path / "equally_good", b"other bytes"))
    assert files.cat_file(path) == sound
    for damaged in (sound[:-5], sound[: len(sound) // 2], b"", sound[:40] + bytes([sound[40] ^ 1]) + sound[41:]):
        overwrite(store, damaged)
        taken = tmp_path / "taken"
        with caplog.at_level(logging.WARNING):
            assert not store.fetch(NAME, taken)
        assert "damaged" in caplog.text
        assert not taken.exists()
    store.put(NAME, made)
    assert files.cat_file(path) == sound


def hostile(name: str, kind: bytes = tarfile.REGTYPE, mtime_ns: float = 0, content: bytes = b"x" * 99) -> bytes:
    """An archive of one member whose size and hash are what its manifest says."""
    listed = {name: [len(content), mtime_ns, xxhash.xxh3_128_hexdigest(content)]}
    members = {"manifest.json": (tarfile.REGTYPE, json.dumps(listed).encode()), name: (kind, content)}
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member, (its_kind, data) in members.items():
            info = tarfile.TarInfo(member)
            info.type, info.linkname = its_kind, "/etc/hostname"
            info.size = len(data) if its_kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(data))
    return zstandard.ZstdCompressor(write_checksum=True).compress(made.getvalue())


HOSTILE = {
    **{name: hostile(name) for name in ("../out", "../../out", "/tmp/fx-out", "a/b", "..", ".", ".hidden", "a\\b")},
    "a long name": hostile("a" * 5000),
    "a symbolic link": hostile("arrays.bin", tarfile.SYMTYPE),
    "a hard link": hostile("arrays.bin", tarfile.LNKTYPE),
    "a device": hostile("arrays.bin", tarfile.CHRTYPE),
    "a time": hostile("arrays.bin", mtime_ns=2**80),
    "no time": hostile("arrays.bin", mtime_ns=float("nan")),
}
"""Whoever may write to the store may put these there."""


@pytest.mark.parametrize("content", HOSTILE.values(), ids=list(HOSTILE))
def test_nothing_of_an_archive_lies_elsewhere(content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = SharedStore(str(tmp_path / "shared"))
    overwrite(store, hostile("arrays.bin"))
    assert store.fetch(NAME, tmp_path / "cache" / "sound")
    before = sorted(tmp_path.rglob("*"))
    overwrite(store, content)
    assert not store.fetch(NAME, tmp_path / "cache" / "taken")
    assert "is damaged" in caplog.text
    assert sorted(tmp_path.rglob("*")) == before
    assert not Path("/tmp/fx-out").exists()


def test_many_writers_at_once(url: str, tmp_path: Path) -> None:
    """Each puts its own bytes under one name: what is there is whole, and one of theirs."""
    contents = [bytes([n]) * (200_000 + n) for n in range(6)]
    made = [entry(tmp_path / f"made{n}", content) for n, content in enumerate(contents)]
    threads = [threading.Thread(target=SharedStore(url).put, args=(NAME, folder)) for folder in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert SharedStore(url).fetch(NAME, tmp_path / "taken")
    assert (tmp_path / "taken" / "arrays.bin").read_bytes() in contents


def test_without_a_network_work_goes_on_with_one_warning(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(module, "PAUSE_S", 0.01)
    monkeypatch.setattr(module, "TRIES", 2)
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    store = SharedStore(bucket)
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            assert not store.fetch(NAME, tmp_path / "taken")
            store.put(NAME, tmp_path / "taken")
        store.put(NAME, entry(tmp_path / "made"))
        store.put(NAME, tmp_path / "made")
    s3fs.S3FileSystem.clear_instance_cache()
    told = [r for r in caplog.records if r.levelno >= logging.WARNING and r.name == module.__name__]
    assert len(told) == 2  # one for reading, one for writing
    assert "goes on with its own cache" in told[0].getMessage()
    assert SECRET not in caplog.text


def test_a_folder_that_may_not_be_written_is_still_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    SharedStore(str(tmp_path / "shared")).put(NAME, entry(tmp_path / "made"))
    (tmp_path / "shared" / "days" / "XYZ").touch()  # where a folder should be
    store = SharedStore(str(tmp_path / "shared"))
    store.put("days/XYZ/2025-03-14-0", tmp_path / "made")
    assert store.fetch(NAME, tmp_path / "taken")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("s4://bucket/x", "no protocol 's4'"),
        ("sftp://me:password@host/x", "user name or a password"),
        ("dropbox://x", "is not installed"),
    ],
)
def test_addresses_that_cannot_be_used(url: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as why:
        shared_store(url)
    assert why.value.fix
    assert "password@" not in str(why.value)


def test_off_by_default_and_secrets_are_blotted_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shared_store("") is None
    monkeypatch.setenv("MY_SECRET_TOKEN", SECRET)
    assert without_secrets(f"refused for {SECRET}") == "refused for ***"
