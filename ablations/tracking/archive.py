"""Runs in one file: `pack` writes sweeps and cells of a store into a tar.xz, `restore` reads it into another.

In the file lies, for each run, `<run id>/run.json` and its artifacts under `<run id>/artifacts/`. A restored
run has an id of its own; everything that reports read is as it was.
"""

from __future__ import annotations

import io
import json
import lzma
import tarfile
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.errors import UserError
from ablations.tracking.links import link_cells
from ablations.tracking.read import sweeps
from ablations.tracking.store import analyze, client, runs
from ablations.tracking.write import experiment_id, log_steps

if TYPE_CHECKING:
    from mlflow import MlflowClient

FORMAT = 1
_FROM = "ablate.imported"
"""Tag of a restored run: the id it had. It is set last, so a run that was cut short is restored anew."""
_PARENT = "mlflow.parentRunId"
_BATCH = 100
_CHUNK = 1 << 20
_FIELDS = {
    "id",
    "name",
    "experiment",
    "about",
    "status",
    "start",
    "end",
    "tags",
    "params",
    "metrics",
    "datasets",
}


def pack(uri: str, file: Path, studies: Collection[str] = (), *, pictures: bool = True) -> int:
    """Write the runs of some studies (none named: of all) to `file`; how many.

    A study has the cells that its sweeps declare, whichever study's sweep ran them. Running cells stay out, and so do
    pictures if they are not wanted: no report reads them.

    Raises:
        UserError: there is nothing to pack.
    """
    chosen = [s for s in sweeps(uri) if not studies or s.declaration["study"]["name"] in studies]
    if not chosen:
        raise UserError(f"no runs of {', '.join(studies) or 'any study'} in {uri}; nothing is written")
    store = client(uri)
    declared = {cell["id"] for sweep in chosen for cell in sweep.declaration["cells"]}
    cells = [
        run.info.run_id
        for run in runs(uri, "tags.`ablate.kind` = 'cell'")
        if run.data.tags["cell_id"] in declared and run.info.status != "RUNNING"
    ]
    names = {found.experiment_id: found for found in store.search_experiments()}
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.part")
    with tarfile.open(draft, "w:xz") as archive:
        for run_id in [*(sweep.run_id for sweep in chosen), *sorted(cells)]:
            _pack_run(archive, store, run_id, names, pictures)
    draft.replace(file)
    return len(chosen) + len(cells)


def _pack_run(
    archive: tarfile.TarFile, store: MlflowClient, run_id: str, experiments: Mapping[str, Any], pictures: bool
) -> None:
    run = store.get_run(run_id)
    experiment = experiments[run.info.experiment_id]
    about = {
        "format": FORMAT,
        "id": run_id,
        "name": run.info.run_name,
        "experiment": experiment.name,
        "about": experiment.tags.get("mlflow.note.content", ""),
        "status": run.info.status,
        "start": run.info.start_time,
        "end": run.info.end_time,
        "tags": run.data.tags,
        "params": run.data.params,
        "metrics": {name: _history(store, run_id, name) for name in sorted(run.data.metrics)},
        "datasets": [_dataset(found) for found in run.inputs.dataset_inputs],
    }
    _add(archive, f"{run_id}/run.json", json.dumps(about, indent=1, sort_keys=True).encode())
    with tempfile.TemporaryDirectory(prefix="ablate-") as folder:
        if store.list_artifacts(run_id):
            store.download_artifacts(run_id, "", folder)
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and (pictures or path.suffix != ".png"):
                name = f"{run_id}/artifacts/{path.relative_to(folder).as_posix()}"
                _add(archive, name, path.read_bytes())


def _history(store: MlflowClient, run_id: str, metric: str) -> list[tuple[float, int, int]]:
    points = store.get_metric_history(run_id, metric)
    return [(point.value, point.timestamp, point.step) for point in points]


def _dataset(found: Any) -> dict[str, Any]:
    fields = ("name", "digest", "source_type", "source", "schema", "profile")
    return {
        "dataset": {name: getattr(found.dataset, name) for name in fields},
        "tags": {tag.key: tag.value for tag in found.tags},
    }


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o644
    archive.addfile(entry, io.BytesIO(data))


def restore(uri: str, file: Path) -> tuple[int, int]:
    """Read a packed file into a store; how many runs were restored, and how many were there before.

    Raises:
        UserError: the file is none that `pack` wrote; nothing has been restored.
    """
    with tempfile.TemporaryDirectory(prefix="ablate-") as name:
        folder = Path(name)
        _unpack(file, folder)
        found = sorted(_read(folder, file), key=lambda run: run["tags"]["ablate.kind"] != "sweep")
        store = client(uri)
        known = {run.info.run_id: run.info.run_id for run in runs(uri, "tags.`ablate.kind` LIKE '%'")}
        known |= {run.data.tags[_FROM]: run.info.run_id for run in runs(uri, f"tags.`{_FROM}` LIKE '%'")}
        new = [run for run in found if run["id"] not in known]
        for run in new:
            known[run["id"]] = _restore_run(uri, store, run, folder / run["id"] / "artifacts", known)
        link_cells(uri, [known[run["id"]] for run in new if run["tags"]["ablate.kind"] == "sweep"])
    analyze(uri)
    return len(new), len(found) - len(new)


def _unpack(file: Path, folder: Path) -> None:
    """Plain files only, none outside `folder`."""
    try:
        with tarfile.open(file) as archive:
            if odd := [entry.name for entry in archive if not entry.isfile()]:
                raise UserError(f"{file}: '{odd[0]}' is no plain file; this was not written by export-runs")
            archive.extractall(folder, filter="data")
            while archive.fileobj.read(_CHUNK):  # to the end, where the checksum is
                pass
    except (OSError, EOFError, tarfile.TarError, lzma.LZMAError) as error:
        raise UserError(f"{file} cannot be unpacked: {error}") from None


def _read(folder: Path, file: Path) -> Iterator[dict[str, Any]]:
    found = sorted(folder.glob("*/run.json"))
    if not found:
        raise UserError(f"{file} holds no runs; it was not written by export-runs")
    for path in found:
        try:
            run = json.loads(path.read_text())
            good = run["id"] == path.parent.name and "ablate.kind" in run["tags"]
            good &= run["format"] != FORMAT or run.keys() >= _FIELDS
        except (ValueError, KeyError, TypeError):
            good = False
        if not good:
            raise UserError(f"{file}: {path.parent.name}/run.json describes no run")
        if run["format"] != FORMAT:
            raise UserError(f"{file} has format {run['format']}; this version of ablate reads {FORMAT}")
        yield run


def _restore_run(
    uri: str, store: MlflowClient, run: Mapping[str, Any], artifacts: Path, known: Mapping[str, str]
) -> str:
    """One run; it is found by its tags only once it is complete."""
    from mlflow.entities import Param, RunTag

    experiment = experiment_id(store, uri, run["experiment"], run["about"])
    run_id = store.create_run(experiment, start_time=run["start"], run_name=run["name"]).info.run_id
    params = [Param(name, value) for name, value in run["params"].items()]
    for start in range(0, len(params), _BATCH):
        store.log_batch(run_id, params=params[start : start + _BATCH])
    points = [(name, *point) for name, history in run["metrics"].items() for point in history]
    log_steps(uri, run_id, points)
    for path in sorted(artifacts.rglob("*")):
        if path.is_file():
            inside = path.parent.relative_to(artifacts).as_posix()
            store.log_artifact(run_id, str(path), inside if inside != "." else None)
    if run["datasets"]:
        store.log_inputs(run_id, datasets=[_dataset_input(found) for found in run["datasets"]])
    tags = {**run["tags"], _FROM: run["id"]}
    if _PARENT in tags and (parent := known.get(tags.pop(_PARENT))):
        tags[_PARENT] = parent
    written = [RunTag(name, value) for name, value in tags.items()]
    for start in range(0, len(written), _BATCH):
        store.log_batch(run_id, tags=written[start : start + _BATCH])
    store.set_terminated(run_id, run["status"], run["end"])
    return run_id


def _dataset_input(found: Mapping[str, Any]) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    return DatasetInput(
        Dataset(**found["dataset"]), [InputTag(name, value) for name, value in found["tags"].items()]
    )
