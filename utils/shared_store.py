"""Entries of the cache that many machines share: a folder or a bucket, by any fsspec address.

An entry is a folder, known by its name alone: the name holds a hash of all that its content depends on. It travels as
one file, NAME.tar.zst: the list of its members with their sizes and hashes, then the members. One file, because it is
then there or not: object stores show an object once it is complete, elsewhere a file under another name is renamed.
Whoever comes second with the same entry leaves the first one's; both are equally good. What arrives is unpacked beside
its place, checked, and renamed: whole or not at all.

The cache of the machine stays in front, as arrays are memory-mapped. A network that fails is tried again, then left
alone for the rest of the process, with one warning: everything can be made here, too.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import tarfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import xxhash
import zstandard

from utils.atomic import new_folder
from utils.errors import ConfigError, nearest
from utils.hashing import file_hash
from utils.logger import get_logger
from utils.paths import anchored

log = get_logger(__name__)
R = TypeVar("R")

SUFFIX = ".tar.zst"
MANIFEST = "manifest.json"
"""First member of an archive: size, time of change and hash of the others, by name."""
MEMBER = re.compile(r"\w[\w.\-]{0,99}", re.ASCII)
"""Names of the others."""
TRIES, PAUSE_S = 4, 0.5
"""Of one transfer; the pause doubles each time."""
ZSTD_LEVEL = 1
OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "memory")
"""Protocols where what is written appears at once and whole, and renaming is a copy."""
ONE_TRY: Mapping[str, Any] = {
    "config_kwargs": {"retries": {"max_attempts": 0}, "connect_timeout": 5, "read_timeout": 60}
}
"""S3's own retries take minutes where nobody answers; those below take seconds."""
SETTINGS = {"s3": ONE_TRY, "s3a": ONE_TRY}
NETWORK_ERRORS = {"s3": "botocore.exceptions", "s3a": "botocore.exceptions"}
"""Where a protocol's library keeps errors that are no OSError: `BotoCoreError`."""


class UnsoundError(Exception):
    """An archive that is not what its manifest says."""


def shared_store(url: str) -> SharedStore | None:
    """The store at that fsspec address, None for an empty one.

    Raises ConfigError for an unknown protocol, one whose library is not installed, or an address with a password.
    """
    return SharedStore(url) if url else None


class SharedStore:
    """Entries below `url`. Picklable; every process opens it for itself."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") if "://" in url else str(anchored(url))
        self._protocol = _protocol(url)
        _refuse_secrets(url)
        self._errors = _open_errors(self._protocol, url)
        self._opened: tuple[Any, str] | None = None
        self._reads = self._writes = True

    def __getstate__(self) -> str:
        return self._url

    def __setstate__(self, url: str) -> None:
        self.__init__(url)

    # ------------------------------------------------------------ transfers
    def fetch(self, name: str, folder: Path) -> bool:
        """Make `folder` of the entry `name`; False if there is none, it is damaged, or nobody answers."""
        if not self._reads:
            return False
        try:
            content = self._again(lambda: self._read(name))
        except self._errors as why:
            self._reads = False
            self._tell("reads", why)
            return False
        if content is None:
            return False
        try:
            _unpack(content, folder)
        except UnsoundError as why:
            log.warning("%s%s of the shared cache is damaged (%s); it is made again", name, SUFFIX, why)
            return False
        return True

    def put(self, name: str, folder: Path) -> None:
        """Put `folder` there as `name`, unless a sound one is there by now."""
        if not self._writes:
            return
        try:
            content = packed(folder)
        except FileNotFoundError:  # another process replaced it: that one's is put there
            return
        try:
            self._again(lambda: self._write(name, content))
        except self._errors as why:
            self._writes = False
            self._tell("writes", why)

    def _read(self, name: str) -> bytes | None:
        try:
            return self.place()[0].cat_file(self._path(name))
        except FileNotFoundError:
            return None

    def _write(self, name: str, content: bytes) -> None:
        files, path = self.place()[0], self._path(name)
        if files.exists(path) and _is_sound(files.cat_file(path)):
            return
        if self._protocol in OBJECT_STORES:
            files.pipe_file(path, content)
            return
        beside = f"{path}.{uuid.uuid4().hex}.part"
        files.makedirs(path.rpartition("/")[0], exist_ok=True)
        try:
            files.pipe_file(beside, content)
            files.mv(beside, path)
        except BaseException:
            if files.exists(beside):
                files.rm_file(beside)
            raise

    def _path(self, name: str) -> str:
        return f"{self.place()[1]}/{name}{SUFFIX}"

    def place(self) -> tuple[Any, str]:
        """The file system, and where in it the store lies."""
        if self._opened is None:
            import fsspec

            self._opened = fsspec.url_to_fs(self._url, **SETTINGS.get(self._protocol, {}))
        return self._opened

    # ------------------------------------------------------------ errors
    def _again(self, work: Callable[[], R]) -> R:
        """The result of `work`, tried TRIES times."""
        for turn in range(TRIES - 1):
            try:
                return work()
            except self._errors as why:
                log.debug("shared cache: %s; tried again", type(why).__name__)
                time.sleep(PAUSE_S * 2**turn)
        return work()

    def _tell(self, what: str, why: BaseException) -> None:
        log.warning(
            "the shared cache %s cannot be used for %s any more (%s: %s); this process goes on with its own cache",
            self._url,
            what,
            type(why).__name__,
            without_secrets(str(why)),
        )


def without_secrets(text: str) -> str:
    """`text` without the values of environment variables that are named like keys."""
    words = ("KEY", "SECRET", "TOKEN", "PASSWORD", "CREDENTIAL")
    for name, value in os.environ.items():
        if len(value) >= 6 and any(word in name.upper() for word in words):
            text = text.replace(value, "***")
    return text


# ---------------------------------------------------------------- the address
def _protocol(url: str) -> str:
    return urlsplit(url).scheme if "://" in url else "file"


def _refuse_secrets(url: str) -> None:
    if "@" in urlsplit(url).netloc:
        raise ConfigError(
            "data.shared holds a user name or a password: it is written into every run's configuration",
            where=f"data.shared={_protocol(url)}://...",
            fix="leave them out of the address; keys come from the environment (AWS_ACCESS_KEY_ID, ...) or from the "
            "provider's own files (~/.aws/credentials)",
        )


def _open_errors(protocol: str, url: str) -> tuple[type[BaseException], ...]:
    """What a transfer over that protocol may raise. Raises ConfigError if it cannot be spoken."""
    fix = "poetry install -E cluster, or do without: data.shared="
    try:
        import fsspec
    except ImportError as why:
        raise ConfigError("fsspec is not installed", where=f"data.shared={url}", fix=fix) from why
    try:
        fsspec.get_filesystem_class(protocol)
        module = importlib.import_module(NETWORK_ERRORS[protocol]) if protocol in NETWORK_ERRORS else None
    except ValueError as why:
        known = fsspec.available_protocols()
        near = nearest(protocol, known)
        raise ConfigError(
            f"fsspec knows no protocol {protocol!r}",
            where=f"data.shared={url}",
            near=near,
            fix="use a folder, or s3://BUCKET/FOLDER",
        ) from why
    except ImportError as why:
        what = f"the library for {protocol}:// is not installed ({why})"
        raise ConfigError(what, where=f"data.shared={url}", fix=fix) from why
    return (OSError,) if module is None else (OSError, module.BotoCoreError)


# ---------------------------------------------------------------- archives
def packed(folder: Path) -> bytes:
    """The files of `folder` as one archive."""
    members = sorted(path for path in folder.iterdir() if path.is_file())
    listed = {p.name: [(s := p.stat()).st_size, s.st_mtime_ns, file_hash(p)] for p in members}
    buffer = io.BytesIO()
    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True)
    with compressor.stream_writer(buffer, closefd=False) as stream, tarfile.open(fileobj=stream, mode="w|") as archive:
        _add(archive, MANIFEST, json.dumps(listed).encode())
        for path in members:
            _add(archive, path.name, path.read_bytes())
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def _members(content: bytes) -> dict[str, tuple[int, bytes]]:
    """(time of change, content) by name. Raises UnsoundError unless every member is there with its size and hash."""
    try:
        stream = zstandard.ZstdDecompressor().stream_reader(content)
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            found = {member.name: _bytes_of(archive, member) for member in archive}
        while stream.read(1 << 20):  # to the checksum of the frame
            continue
        listed: dict[str, tuple[int, int, str]] = dict(json.loads(found.pop(MANIFEST)))
        measured = {name: [len(data), xxhash.xxh3_128_hexdigest(data)] for name, data in found.items()}
        if measured != {name: [size, digest] for name, (size, _, digest) in listed.items()}:
            raise UnsoundError("other members than its manifest says")
        if not all(MEMBER.fullmatch(name) for name in found):
            raise UnsoundError("a member that lies elsewhere")
        times = {name: int(mtime_ns) for name, (_, mtime_ns, _) in listed.items()}
        if not all(0 <= mtime_ns < 1 << 63 for mtime_ns in times.values()):
            raise UnsoundError("a time that is none")
    except (zstandard.ZstdError, tarfile.TarError, ValueError, KeyError, TypeError, EOFError, RecursionError) as why:
        raise UnsoundError(type(why).__name__) from why
    return {name: (times[name], data) for name, data in found.items()}


def _bytes_of(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    if file is None:
        raise UnsoundError(f"{member.name} is no file")
    return file.read()


def _is_sound(content: bytes) -> bool:
    try:
        _members(content)
    except UnsoundError:
        return False
    return True


def _unpack(content: bytes, folder: Path) -> None:
    """Make `folder` of an archive; times of change are kept, as stored days know their files by them."""
    members = _members(content)
    with new_folder(folder) as made:
        for name, (mtime_ns, data) in members.items():
            (made / name).write_bytes(data)
            os.utime(made / name, ns=(mtime_ns, mtime_ns))
