"""Optuna's studies in an SQLite file: opened, and without what Optuna tells on the way."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from splitgym.extras import need
from splitgym.quoting import an

#: How long a process waits for the others that write into the same file [s].
_PATIENCE_S = 60.0


@contextlib.contextmanager
def quiet(optuna: Any) -> Iterator[None]:
    """Optuna reports every trial, even one whose exception it hands on; and calls experimental what is years old."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)


@contextlib.contextmanager
def opened(optuna: Any, path: Path | None, kind: str, **options: Any) -> Iterator[Any]:
    """Optuna's storage in an SQLite file, or ``None`` for one in memory; ``options`` are those of ``RDBStorage``.

    Raises ``ValueError`` for a file that is no storage of a ``kind``, also where its damage is met within the block.
    """
    if path is None:
        yield None
        return
    sqlalchemy = need("sqlalchemy", "search")
    url = sqlalchemy.engine.URL.create("sqlite", database=str(path))
    patient = {"connect_args": {"timeout": _PATIENCE_S}}
    damage = (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError, UnicodeDecodeError)
    with _usable(path, kind, (*damage, optuna.exceptions.OptunaError, RuntimeError)):
        backend = optuna.storages.RDBStorage(url.render_as_string(hide_password=False), patient, **options)
    sqlalchemy.event.listen(backend.engine, "connect", _log_ahead)
    backend.engine.dispose()  # the next connection is the first that hears of it
    try:
        with _usable(path, kind, damage):
            yield backend
    finally:
        with contextlib.suppress(sqlalchemy.exc.SQLAlchemyError):  # told already
            backend.remove_session()
        backend.engine.dispose()


@contextlib.contextmanager
def _usable(path: Path, kind: str, errors: tuple[type[Exception], ...]) -> Iterator[None]:
    try:
        yield
    except errors as error:
        reason = str(error.__cause__ or error).partition("\n")[0]
        raise ValueError(f"{str(path)!r} cannot be used as the storage of {an(kind)}: {reason}") from error


def _log_ahead(connection: Any, record: Any) -> None:
    """Set up a connection to SQLite: a dozen commits a trial need not each wait for the disk.

    A killed process loses nothing; a power cut at most the last trials.
    """
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
