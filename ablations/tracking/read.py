"""What plans and reports read from the store. Nothing here creates one."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from ablations.tracking.store import cell_runs, client, exists, runs

_FINISHED = "FINISHED"


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
    artifact_uri: str

    @property
    def seconds(self) -> float:
        """Work that a finished cell took, without the pauses between attempts."""
        return self.metrics.get("seconds", self.end - self.start)


@dataclass(frozen=True)
class SweepRun:
    """A sweep's parent run and what was declared before its cells ran."""

    run_id: str
    name: str
    experiment: str
    start: float
    declaration: Mapping[str, Any]


def finished(uri: str, ids: Sequence[str]) -> list[CellRun]:
    """The runs of those cells that are finished, in the order of `ids`."""
    return [run for run in cells(uri, ids) if run.status == _FINISHED]


def cells(uri: str, ids: Sequence[str]) -> list[CellRun]:
    """One run per cell, in the order of `ids`: a finished one if there is any, else the newest."""
    best: dict[str, Any] = {}
    for run in cell_runs(uri, ids):
        earlier = best.setdefault(run.data.tags["cell_id"], run)
        if run.info.status == _FINISHED != earlier.info.status:
            best[run.data.tags["cell_id"]] = run
    return [_cell_run(best[key]) for key in ids if key in best]


def cells_beginning(uri: str, start: str) -> list[CellRun]:
    """One run per cell whose id begins with `start`, which has to be letters and digits."""
    if not exists(uri):
        return []
    found = [run.data.tags["cell_id"] for run in runs(uri, f"tags.cell_id LIKE '{start}%'")]
    return cells(uri, list(dict.fromkeys(found)))


def sweeps(uri: str, study: str | None = None) -> list[SweepRun]:
    """Sweeps of a study (or of all), oldest first, with their declarations."""
    if not exists(uri):
        return []
    query = "tags.`ablate.kind` = 'sweep'" + (f" and tags.study = '{study}'" if study else "")
    found = sorted(runs(uri, query), key=lambda run: run.info.start_time)
    names = {found.experiment_id: found.name for found in client(uri).search_experiments()}
    return [
        SweepRun(
            run_id=run.info.run_id,
            name=run.info.run_name,
            experiment=names[run.info.experiment_id],
            start=run.info.start_time / 1000,
            declaration=json.loads(artifact(uri, run.info, "sweep.json").read_text()),
        )
        for run in found
    ]


def history(uri: str, run_id: str, metric: str) -> list[tuple[int, float]]:
    """A step curve: (step, value). Of a step that was made again, after a kill, the last time counts."""
    points = client(uri).get_metric_history(run_id, metric)
    return sorted({p.step: p.value for p in sorted(points, key=lambda p: p.timestamp)}.items())


def predictions(uri: str, run: CellRun) -> Path:
    """Where a cell's per-item predictions lie, fetched if they lie elsewhere."""
    return artifact(uri, run, "predictions.parquet")


def artifact(uri: str, run: Any, name: str) -> Path:
    """A file of a run, which is anything that has `run_id` and `artifact_uri`."""
    if run.artifact_uri.startswith("file://"):
        return Path(unquote(urlparse(run.artifact_uri).path)) / name
    folder = Path(_fetched().name) / run.run_id
    folder.mkdir(exist_ok=True)
    return Path(client(uri).download_artifacts(run.run_id, name, str(folder)))


@cache
def _fetched() -> tempfile.TemporaryDirectory[str]:
    """What lies elsewhere is fetched to here, and goes with this process."""
    return tempfile.TemporaryDirectory(prefix="ablate-")


def _cell_run(run: Any) -> CellRun:
    info, data = run.info, run.data
    return CellRun(
        run_id=info.run_id,
        cell_id=data.tags["cell_id"],
        name=info.run_name,
        status=info.status,
        tags=dict(data.tags),
        params=dict(data.params),
        metrics=dict(data.metrics),
        start=info.start_time / 1000,
        end=(info.end_time or info.start_time) / 1000,
        artifact_uri=info.artifact_uri,
    )
