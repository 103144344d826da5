"""The only file that talks to MLflow: experiments per study, a parent run per sweep, a child run per cell."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from ablations.cell import Cell, flatten
from ablations.study import Study
from ablations.system import Outcome

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PACKAGES = ("ablate", "torch", "lightning", "timm", "transformers", "datasets", "mlflow")
_ASK_ONE_BY_ONE = 40
_PARAM_LENGTH = 6000
_FINISHED = "FINISHED"
_LASTING = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"}
_LASTING |= {"PERMISSION_DENIED", "UNAUTHENTICATED", "INVALID_STATE"}


@dataclass(frozen=True)
class CellRun:
    """A cell's run as reports need it. Times are seconds since the epoch."""

    run_id: str
    cell_id: str
    name: str
    status: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    start: float
    end: float


@dataclass(frozen=True)
class SweepRun:
    """A sweep's parent run and what was declared before its cells ran."""

    run_id: str
    name: str
    experiment: str
    start: float
    declaration: Mapping[str, Any]


def default_uri() -> str:
    """`MLFLOW_TRACKING_URI`, else a SQLite file in the working directory."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path('mlflow.db').absolute()}"


def sqlite_file(uri: str) -> Path | None:
    """The database file behind a SQLite URI."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


@lru_cache(maxsize=8)
def client(uri: str) -> MlflowClient:
    """A client of the store. A fresh SQLite store is initialised under a lock: two at once would corrupt it."""
    import logging

    os.environ.setdefault("MLFLOW_DISABLE_AUTOLOGGING_TELEMETRY", "true")
    from mlflow import MlflowClient

    for name in ("alembic", "mlflow"):  # mlflow sets its own levels when it is imported
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.ERROR)
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


def exists(uri: str) -> bool:
    """Whether there is a store at all: reading must not create one."""
    file = sqlite_file(uri)
    return file is None or file.exists()


def begin_sweep(uri: str, suite: str, study: Study, sweep: Mapping[str, Any], cells: Sequence[Cell]) -> str:
    """The sweep's parent run, with study, claims and cells written down before any cell runs; its id.

    The same sweep (same name and cells) goes on in its earlier run.
    """
    store = client(uri)
    experiment = _experiment(store, uri, f"{suite}/{study.name}", study.question)
    listed = [{"id": c.id, "name": c.name, "seed": c.seed, "axes": dict(c.axes)} for c in cells]
    declaration = {"study": study.declaration(), "cells": listed, **sweep}
    tags = {"ablate.kind": "sweep", "study": study.name, "sweep": sweep["id"], "scale": sweep["scale"]}
    found = store.search_runs([experiment], f"tags.`ablate.kind` = 'sweep' and tags.sweep = '{sweep['id']}'")
    if found:
        run_id = found[0].info.run_id
        store.update_run(run_id, status="RUNNING")
    else:
        name = f"{sweep['name']} · {sweep['scale']} · {len(cells)} cells"
        note = {"mlflow.note.content": f"{study.question}\n\nLesson of the paper: {study.lesson}"}
        run_id = store.create_run(experiment, run_name=name, tags={**tags, **note, **provenance()}).info.run_id
    store.log_dict(run_id, declaration, "sweep.json")
    return run_id


def end_sweep(uri: str, run_id: str, status: str = _FINISHED) -> None:
    """Close a sweep's parent run."""
    client(uri).set_terminated(run_id, status)


def _experiment(store: MlflowClient, uri: str, name: str, question: str) -> str:
    found = store.get_experiment_by_name(name)
    if found is not None:
        return found.experiment_id
    file = sqlite_file(uri)
    place = (file.parent.absolute() / "mlartifacts").as_uri() if file else None
    from mlflow.exceptions import MlflowException

    try:
        created = store.create_experiment(name, artifact_location=place)
    except MlflowException:  # somebody else was first
        return store.get_experiment_by_name(name).experiment_id
    store.set_experiment_tag(created, "mlflow.note.content", question)
    return created


def begin_cell(uri: str, suite: str, study: Study, sweep_id: str, parent: str, cell: Cell, stages: Mapping[str, str]) -> str:
    """The cell's run, resumed by its content address if there is one; its id."""
    store = client(uri)
    earlier = _search(uri, [cell.id])
    if earlier:
        run_id = earlier[0].info.run_id
        store.update_run(run_id, status="RUNNING")
        return run_id
    experiment = _experiment(store, uri, f"{suite}/{study.name}", study.question)
    tags = {"ablate.kind": "cell", "cell_id": cell.id, "study": study.name, "sweep": sweep_id}
    tags |= {"seed": str(cell.seed), "scale": cell.scale, "mlflow.parentRunId": parent, **provenance()}
    tags |= {f"axis.{name}": str(value) for name, value in cell.axes.items()}
    tags |= {f"stage.{name}": stage for name, stage in stages.items()}
    run_id = store.create_run(experiment, run_name=cell.name, tags=tags).info.run_id
    from mlflow.entities import Param

    params = [Param(name, str(value)[:_PARAM_LENGTH]) for name, value in flatten(cell.config).items()]
    for start in range(0, len(params), 100):
        store.log_batch(run_id, params=params[start : start + 100])
    return run_id


def is_passing(error: Exception) -> bool:
    """Whether a store that is away or busy explains the error, so that trying again later makes sense."""
    return getattr(error, "error_code", None) not in _LASTING


def log_steps(uri: str, run_id: str, points: Sequence[tuple[str, float, int, int]]) -> None:
    """Step metrics (name, value, milliseconds, step), in batches as large as the store allows."""
    from mlflow.entities import Metric

    for start in range(0, len(points), 1000):
        client(uri).log_batch(run_id, metrics=[Metric(*point) for point in points[start : start + 1000]])


def finish_cell(uri: str, run_id: str, outcome: Outcome) -> None:
    """Artifacts first, then every final metric in one batch, then the status: a cell is finished only after that."""
    from mlflow.entities import DatasetInput, InputTag, Metric, RunTag
    from mlflow.entities import Dataset as Entity

    store = client(uri)
    for artifact in outcome.artifacts:
        store.log_artifact(run_id, str(artifact))
    inputs = [
        DatasetInput(
            Entity(d["name"], str(d["digest"]), "ablate", json.dumps({"weight": d["weight"]}), profile=json.dumps(d)),
            [InputTag("mlflow.data.context", f"weight {d['weight']:.3g}")],
        )
        for d in outcome.datasets
    ]
    if inputs:
        store.log_inputs(run_id, datasets=inputs)
    now = int(time.time() * 1000)
    final = {**outcome.metrics, **{f"fact.{name}": value for name, value in outcome.facts.items()}}
    store.log_batch(run_id, metrics=[Metric(name, float(value), now, 0) for name, value in final.items()])
    store.log_batch(run_id, tags=[RunTag("ablate.state", "finished")])
    store.set_terminated(run_id, _FINISHED)


def fail_cell(uri: str, run_id: str, reason: str, log: str, *, interrupted: bool = False) -> None:
    """Close a run as FAILED with its reason and last log lines, or as KILLED if it can be resumed."""
    store = client(uri)
    store.set_tag(run_id, "ablate.state", "interrupted" if interrupted else "failed")
    store.set_tag(run_id, "ablate.reason", reason[:4000])
    if log:
        store.log_text(run_id, log, "failure.txt")
    store.set_terminated(run_id, "KILLED" if interrupted else "FAILED")


def finished(uri: str, ids: Sequence[str]) -> dict[str, str]:
    """Cell id -> run id of those that are finished. Creates no store."""
    return {run.data.tags["cell_id"]: run.info.run_id for run in _search(uri, ids) if run.info.status == _FINISHED}


def cells(uri: str, ids: Sequence[str]) -> list[CellRun]:
    """The runs of cells, one per cell, a finished one if there is any."""
    best: dict[str, Any] = {}
    for run in _search(uri, ids):
        key = run.data.tags["cell_id"]
        if key not in best or run.info.status == _FINISHED:
            best[key] = run
    return [_cell_run(best[key]) for key in ids if key in best]


def durations(uri: str, ids: Sequence[str]) -> dict[str, float]:
    """Seconds that finished cells took."""
    return {run.cell_id: run.end - run.start for run in cells(uri, ids) if run.status == _FINISHED}


def sweeps(uri: str, study: str | None = None) -> list[SweepRun]:
    """Sweeps of a study (or of all), oldest first, with their declarations."""
    if not exists(uri):
        return []
    store = client(uri)
    experiments = [e.experiment_id for e in store.search_experiments()]
    query = "tags.`ablate.kind` = 'sweep'" + (f" and tags.study = '{study}'" if study else "")
    runs = store.search_runs(experiments, query, order_by=["attributes.start_time ASC"]) if experiments else []
    names = {e.experiment_id: e.name for e in store.search_experiments()}
    return [
        SweepRun(
            run.info.run_id,
            run.info.run_name,
            names[run.info.experiment_id],
            run.info.start_time / 1000,
            json.loads(Path(_download(uri, run.info.run_id, "sweep.json")).read_text()),
        )
        for run in runs
    ]


def history(uri: str, run_id: str, metric: str) -> list[tuple[int, float]]:
    """A step curve: (step, value)."""
    return [(point.step, point.value) for point in client(uri).get_metric_history(run_id, metric)]


def predictions(uri: str, run_id: str) -> Path:
    """Where a cell's per-item predictions lie, fetched if they lie elsewhere."""
    return Path(_download(uri, run_id, "predictions.parquet"))


def _download(uri: str, run_id: str, name: str) -> str:
    place = client(uri).get_run(run_id).info.artifact_uri
    if place.startswith("file://"):
        return urlparse(place).path + "/" + name
    return client(uri).download_artifacts(run_id, name, tempfile.mkdtemp(prefix="ablate-"))


def _search(uri: str, ids: Sequence[str]) -> list[Any]:
    """Runs of cells, newest first, over all experiments; the store knows no `in` for tags."""
    if not ids or not exists(uri):
        return []
    store = client(uri)
    experiments = [e.experiment_id for e in store.search_experiments()]
    if not experiments:
        return []
    if len(ids) <= _ASK_ONE_BY_ONE:
        return [run for key in ids for run in store.search_runs(experiments, f"tags.cell_id = '{key}'")]
    wanted, found, token = set(ids), [], None
    while True:
        page = store.search_runs(experiments, "tags.`ablate.kind` = 'cell'", max_results=1000, page_token=token)
        found += [run for run in page if run.data.tags["cell_id"] in wanted]
        token = page.token
        if not token:
            return found


def _cell_run(run: Any) -> CellRun:
    info, data = run.info, run.data
    end = (info.end_time or info.start_time) / 1000
    return CellRun(
        info.run_id,
        data.tags["cell_id"],
        info.run_name,
        info.status,
        dict(data.tags),
        dict(data.params),
        dict(data.metrics),
        info.start_time / 1000,
        end,
    )


@lru_cache(maxsize=1)
def provenance() -> dict[str, str]:
    """Commit, dirty flag and package versions."""
    tags = {}
    for package in _PACKAGES:
        try:
            tags[f"version.{package}"] = version(package)
        except PackageNotFoundError:
            continue
    here = Path(__file__).parent
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False)
    if commit.returncode == 0:
        status = subprocess.run(["git", "status", "--porcelain"], cwd=here, capture_output=True, text=True, check=False)
        tags |= {"git.commit": commit.stdout.strip(), "git.dirty": str(bool(status.stdout.strip())).lower()}
    return tags

