"""Where studies are kept: a database by its URL, or a journal file that several machines append to."""

from __future__ import annotations

import logging
import sqlite3
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from utils.errors import ConfigError, TrainingError
from utils.paths import anchored, shown

TIMEOUT_S = 60.0
"""SQLite lets one process write at a time; the others wait for so long."""
SQLITE = "sqlite:///"


def open_storage(where: str) -> BaseStorage:
    """The storage of a URL, or of the path of a journal. Raises ConfigError if it cannot be opened."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)  # the version is locked
    try:
        if where.startswith(SQLITE):
            return _sqlite(anchored(where.removeprefix(SQLITE)))
        if "://" in where:
            return RDBStorage(where, engine_kwargs={"pool_pre_ping": True})
        if where.endswith(".log"):
            path = anchored(where)
            path.parent.mkdir(parents=True, exist_ok=True)
            return JournalStorage(JournalFileBackend(str(path)))
    except (OSError, ImportError, optuna.exceptions.StorageInternalError, *_database_errors()) as why:
        told = str(getattr(why, "orig", None) or why).partition("\n")[0]
        fix = "is the server up, and its driver installed? optuna.storage=sqlite:///cache/optuna/studies.db needs none"
        raise ConfigError(f"the storage cannot be opened: {told}", where=without_password(where), fix=fix) from why
    fix = "sqlite:///FILE.db, postgresql://USER:PASSWORD@HOST/NAME, mysql://..., or a journal: FILE.log"
    raise ConfigError(f"{where!r} is no storage", where="optuna.storage", fix=fix)


@contextmanager
def storage_told() -> Generator[None]:
    """A storage that fails in the midst of a search, told in a sentence. Raises TrainingError."""
    try:
        yield
    except (optuna.exceptions.StorageInternalError, *_database_errors()) as why:
        told = str(getattr(why.__cause__, "orig", None) or getattr(why, "orig", None) or why).partition("\n")[0]
        fix = "make room, or bring its server up; the same command goes on: the trials that are done are kept"
        raise TrainingError(f"the storage fails: {told}", where="optuna.storage", fix=fix) from why


def _sqlite(path: Path) -> RDBStorage:
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_ahead(path)
    return RDBStorage(f"{SQLITE}{path}", engine_kwargs={"connect_args": {"timeout": TIMEOUT_S}})


def _write_ahead(path: Path) -> None:
    """Readers do not stop writers, for good: the mode is in the file."""
    connection = sqlite3.connect(path, timeout=TIMEOUT_S)
    try:
        connection.execute("pragma journal_mode=wal")
    finally:
        connection.close()


def _database_errors() -> tuple[type[Exception], ...]:
    from sqlalchemy.exc import SQLAlchemyError

    return SQLAlchemyError, sqlite3.Error


def without_password(where: str) -> str:
    """For people."""
    if "://" not in where or where.startswith(SQLITE):
        return shown(anchored(where.removeprefix(SQLITE)))
    parts: Any = urlsplit(where)
    return where.replace(f":{parts.password}@", ":***@") if parts.password else where
