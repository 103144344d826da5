"""What has to hold before anything is launched. The checks leave nothing behind, pass or fail."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import sqlite3
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from ablations import tracking
from ablations.errors import UserError
from ablations.secrets import hidden

_LITTLE = 1 << 16
TIMEOUT = 5.0
"""Seconds a tracking server has to answer."""
_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def check(runs: Path, tracking_uri: str) -> None:
    """Raise UserError unless the runs folder can be written and the tracking store answers."""
    check_writable(runs, "the runs folder")
    check_tracking(tracking_uri)


def check_writable(folder: Path, what: str, option: str = "--runs") -> None:
    """Raise UserError unless files can be made in `folder`, or in the nearest folder above it that exists.

    `what` and `option` say which folder it is and how another is chosen.
    """
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest) as file:
            file.write(bytes(_LITTLE))
    except OSError as error:
        above = "" if nearest == folder else f" (nearest existing: {nearest})"
        whose = f", it belongs to {_owner(nearest)}" if isinstance(error, PermissionError) else ""
        reason = f"{folder}{above}: {error.strerror}{whose}"
        raise UserError(f"{what} cannot be written: {reason}.\n  choose another: {option} DIR") from None


def make(folder: Path, mode: int = 0o777) -> None:
    """Make a folder to work in, with those above it, or find it there.

    Raises:
        UserError: it, or the one that it would lie in, is somebody else's.
    """
    with contextlib.suppress(PermissionError):
        folder.mkdir(parents=True, exist_ok=True, mode=mode)
    nearest = next(path for path in (folder, *folder.parents) if os.path.exists(path))
    if nearest != folder or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise UserError(
            f"{nearest} belongs to {_owner(nearest)}: {_name(os.getuid())} may not work in it.\n"
            "  choose a runs folder of your own: --runs DIR; what is finished is found in the tracking store"
        )


def _owner(path: Path) -> str:
    return _name(path.stat().st_uid)


def _name(user: int) -> str:
    """That of a user, or the number where no name is known, as in a container."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def check_tracking(uri: str) -> None:
    """Raise UserError, within some five seconds, unless MLflow's store at `uri` can be used."""
    try:
        parts = urlsplit(uri)
        scheme, port = parts.scheme.partition("+")[0], parts.port
    except ValueError as error:  # what says that a port is none
        raise UserError(f"tracking URI '{uri}': {error}") from None
    if scheme == "sqlite":
        _check_sqlite(uri)
    elif scheme in ("http", "https"):
        _check_server(uri)
    elif scheme in _PORTS:
        _check_port(uri, parts.hostname or "localhost", port or _PORTS[scheme])
    else:
        raise UserError(
            f"tracking URI '{uri}': MLflow keeps no runs there.\n"
            "  allowed  sqlite:///FILE, http(s)://HOST:PORT, postgresql://..., mysql://..., mssql://..."
        )


def _check_sqlite(uri: str) -> None:
    file = tracking.sqlite_file(uri)
    if file is None or not file.name or file.is_dir():
        raise UserError(f"tracking URI '{uri}' names no file; write sqlite:///mlflow.db")
    if not file.exists():
        return check_writable(file.parent, "the tracking store's folder", option="--tracking-uri sqlite:///")
    if not os.access(file, os.W_OK):
        raise UserError(f"tracking store {uri}: the file cannot be written")
    try:
        # For writing, since a writer that was killed leaves a journal which has to be rolled back.
        address = f"{file.absolute().as_uri()}?mode=rw"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=TIMEOUT)) as store:
            store.execute("select count(*) from sqlite_master")
    except sqlite3.Error as error:
        raise UserError(f"tracking store {uri}: {error}") from None


def _check_server(uri: str) -> None:
    try:
        urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=TIMEOUT).close()
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise _unreachable(uri, f"answers {error.code} {error.reason}") from None
    except (OSError, ValueError) as error:
        raise _unreachable(uri, str(getattr(error, "reason", error))) from None
    try:
        tracking.probe(uri)
    except Exception as error:
        if not tracking.is_refusal(error):
            raise _unreachable(uri, hidden(str(error))) from None
        raise UserError(
            f"the tracking server {uri} refuses this login: {hidden(str(error))}\n"
            "  set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        ) from None


def _check_port(uri: str, host: str, port: int) -> None:
    try:
        socket.create_connection((host, port), TIMEOUT).close()
    except OSError as error:
        raise _unreachable(uri, str(error)) from None


def _unreachable(uri: str, reason: str) -> UserError:
    return UserError(
        f"the tracking server {uri} cannot be reached: {reason}.\n"
        "  start it, or give another with --tracking-uri (a local store: sqlite:///mlflow.db)"
    )
