"""Which store is used, a client of it, and how its runs are found."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.secrets import without_login

if TYPE_CHECKING:
    from mlflow import MlflowClient

_ASK_ONE_BY_ONE = 40
_PAGE = 1000
_LASTING = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"}
_REFUSED = {"PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"}
_LASTING |= {"INVALID_STATE", *_REFUSED}
_BUSY = {408, 429}
_MADE_MEANWHILE = ("UniqueViolation", "UNIQUE constraint failed", "Duplicate entry")
_ABOUT_THE_WIRE = {"requests", "urllib3", "sqlalchemy", "sqlite3"}
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # MLflow's seven would hold a training step for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",  # nor for the hour that a busy server may ask for
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def default_uri() -> str:
    """`MLFLOW_TRACKING_URI` less its login, else a SQLite file in the working directory, by its absolute path."""
    return absolute(without_login(os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"))


def absolute(uri: str) -> str:
    """The URI with a SQLite file by its absolute path."""
    file = sqlite_file(uri)
    return f"sqlite:///{file.absolute()}" if file else uri


def with_login(uri: str) -> str:
    """The URI with the login that `MLFLOW_TRACKING_URI` has for the same store: nothing else keeps one."""
    known = os.environ.get("MLFLOW_TRACKING_URI", "")
    return known if without_login(known) == uri else uri


def sqlite_file(uri: str) -> Path | None:
    """The database file behind a SQLite URI."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def exists(uri: str) -> bool:
    """Whether there is a store at all: reading must not create one."""
    file = sqlite_file(uri)
    return file is None or file.exists()


def client(uri: str) -> MlflowClient:
    """A client of the store."""
    return _client(with_login(uri))


@lru_cache(maxsize=8)
def _client(uri: str) -> MlflowClient:
    """A fresh SQLite store is made under a lock: two at once would corrupt it."""
    import logging

    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for name in ("alembic", "mlflow", "mlflow.store.db.utils"):  # mlflow sets its own levels when imported
        logging.getLogger(name).setLevel(logging.ERROR)
    with _lock(sqlite_file(uri)):
        found = MlflowClient(tracking_uri=uri)
        found.search_experiments(max_results=1)
    return found


@contextmanager
def _lock(file: Path | None) -> Iterator[None]:
    if file is None:
        yield
        return
    import fcntl

    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file.with_name(f".{file.name}.lock"), "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def analyze(uri: str) -> None:
    """Let a SQLite store count its rows, which takes milliseconds.

    Without that its planner looks for one run's curve among the curves of all runs, in MLflow's pages as in reports.
    """
    if file := sqlite_file(uri):
        place = f"{file.absolute().as_uri()}?mode=rw"
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(place, uri=True)) as store:
            store.execute("PRAGMA analysis_limit = 400")
            store.execute("ANALYZE")
            store.commit()


def is_passing(error: Exception) -> bool:
    """Whether a store that is away or busy explains the error, so that trying again later makes sense."""
    if hasattr(error, "error_code"):
        return error.error_code not in _LASTING or _lost_a_race(error)
    if (status := _status(error)) is not None:
        return status >= 500 or status in _BUSY
    wire = any(kind.__module__.partition(".")[0] in _ABOUT_THE_WIRE for kind in type(error).__mro__)
    return wire or isinstance(error, ConnectionError | TimeoutError)


def _lost_a_race(error: Any) -> bool:
    """Whether another writer made the same row a moment earlier (MLflow looks first, then writes): then it is there."""
    return error.error_code == "BAD_REQUEST" and any(word in str(error) for word in _MADE_MEANWHILE)


def is_refusal(error: Exception) -> bool:
    """Whether the store is there and does not take the login, which no waiting mends."""
    return getattr(error, "error_code", None) in _REFUSED or _status(error) in (401, 403)


def is_trouble(error: Exception) -> bool:
    """Whether the store, being away or refusing, explains the error, which then is no fault of the code."""
    return is_passing(error) or is_refusal(error)


def _status(error: Exception) -> int | None:
    """The status of the answer that an error is about; artifacts travel without MLflow's own codes."""
    return getattr(getattr(error, "response", None), "status_code", None)


def probe(uri: str) -> None:
    """Ask the store for next to nothing; raises what it answers."""
    client(uri).search_experiments(max_results=1)


def cell_runs(uri: str, ids: Sequence[str]) -> list[Any]:
    """MLflow's runs of cells, newest first, over all experiments; the store knows no `in` for tags."""
    if not ids or not exists(uri):
        return []
    if len(ids) <= _ASK_ONE_BY_ONE:
        return [run for key in ids for run in runs(uri, f"tags.cell_id = '{key}'")]
    wanted = set(ids)
    return [run for run in runs(uri, "tags.`ablate.kind` = 'cell'") if run.data.tags["cell_id"] in wanted]


def runs(uri: str, query: str) -> Iterator[Any]:
    """Every run that answers the query, over all experiments, newest first."""
    store, token = client(uri), None
    experiments = [experiment.experiment_id for experiment in store.search_experiments()]
    while experiments:
        page = store.search_runs(experiments, query, max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return
