"""What sweeps and cells write to the store."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ablations.cell import Cell, flatten
from ablations.provenance import provenance
from ablations.secrets import hidden
from ablations.study import Study
from ablations.system import Outcome
from ablations.tracking.links import link_cells
from ablations.tracking.read import artifact
from ablations.tracking.store import analyze, cell_runs, client, runs, sqlite_file

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

_PARAMETERS, _METRICS, _LENGTH = 100, 1000, 6000


def begin_sweep(uri: str, suite: str, study: Study, sweep: Mapping[str, Any], cells: Sequence[Cell]) -> str:
    """The sweep's parent run, with study, claims and cells written down before any cell runs; its id.

    `sweep` has `id`, `name`, `scale` and whatever else to keep. The same id goes on in its earlier run, and what
    the claims were there is kept. Only a run that says what it declares is that of a sweep: its launcher may be
    killed before it could.
    """
    store = client(uri)
    listed = [{"id": c.id, "name": c.name, "seed": c.seed, "axes": dict(c.axes)} for c in cells]
    declared = {"study": study.declaration(), "cells": listed, **sweep}
    earlier = next(runs(uri, f"tags.`ablate.kind` != 'cell' and tags.sweep = '{sweep['id']}'"), None)
    if earlier is not None:
        run_id = earlier.info.run_id
        store.update_run(run_id, status="RUNNING", name=_sweep_name(sweep, len(cells)))
        if earlier.data.tags["ablate.kind"] == "sweep":
            before = json.loads(artifact(uri, earlier.info, "sweep.json").read_text())
            declared |= _earlier_claims(before, declared["study"]["claims"])
    else:
        run_id = _new_sweep(uri, suite, study, sweep, len(cells))
    store.log_dict(run_id, declared, "sweep.json")
    store.set_tag(run_id, "ablate.kind", "sweep")
    return run_id


def _earlier_claims(before: Mapping[str, Any], now: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The claims as they were declared each time before, if they have changed."""
    claims, found = before["study"]["claims"], before.get("earlier_claims", [])
    found = [*found, claims] if claims != now else found
    return {"earlier_claims": found} if found else {}


def _new_sweep(uri: str, suite: str, study: Study, sweep: Mapping[str, Any], cells: int) -> str:
    store = client(uri)
    tags = {"ablate.kind": "undeclared", "study": study.name, "sweep": sweep["id"], "scale": sweep["scale"]}
    tags["mlflow.note.content"] = f"{study.question}\n\nLesson of the paper: {study.lesson}"
    experiment = experiment_id(store, uri, f"{suite}/{study.name}", study.question)
    name = _sweep_name(sweep, cells)
    return store.create_run(experiment, run_name=name, tags=tags | provenance()).info.run_id


def _sweep_name(sweep: Mapping[str, Any], cells: int) -> str:
    return f"{sweep['name']} · {sweep['scale']} · {cells} cells"


def end_sweeps(uri: str, ended: Mapping[str, str]) -> None:
    """Close sweeps' parent runs as FINISHED, FAILED or KILLED; their notes lead to their cells from then on."""
    store = client(uri)
    for run_id, status in ended.items():
        store.set_terminated(run_id, status)
    link_cells(uri, ended)
    analyze(uri)


def experiment_id(store: MlflowClient, uri: str, name: str, question: str) -> str:
    """The id of an experiment, which is made if there is none; the question becomes its description."""
    found = store.get_experiment_by_name(name)
    if found is not None:
        return found.experiment_id
    from mlflow.exceptions import MlflowException

    file = sqlite_file(uri)
    place = (file.parent.absolute() / "mlartifacts").as_uri() if file else None
    try:
        created = store.create_experiment(name, artifact_location=place)
    except MlflowException:
        found = store.get_experiment_by_name(name)
        if found is None:
            raise
        return found.experiment_id  # somebody else was first
    store.set_experiment_tag(created, "mlflow.note.content", question)
    store.set_experiment_tag(created, "mlflow.experimentKind", "custom_model_development")
    return created


def begin_cell(
    uri: str, suite: str, study: Study, sweep_id: str, parent: str, cell: Cell, stages: Mapping[str, str]
) -> str:
    """The cell's run, resumed by its content address if there is one; its id. `stages`: name -> stage id."""
    from mlflow.entities import RunTag

    store = client(uri)
    earlier = cell_runs(uri, [cell.id])
    if earlier:
        run_id = earlier[0].info.run_id
        store.update_run(run_id, status="RUNNING")
        store.log_batch(run_id, tags=[RunTag(*tag) for tag in _resumed(earlier[0].data.tags).items()])
        if not earlier[0].data.params:  # killed between making the run and saying what it is
            _log_parameters(store, run_id, cell.config)
        return run_id
    experiment = experiment_id(store, uri, f"{suite}/{study.name}", study.question)
    tags = {"ablate.kind": "cell", "ablate.state": "running", "cell_id": cell.id, "study": study.name}
    tags |= {"sweep": sweep_id, "seed": str(cell.seed), "scale": cell.scale, "mlflow.parentRunId": parent}
    tags |= {f"axis.{name}": str(value) for name, value in cell.axes.items()}
    tags |= {f"stage.{name}": stage for name, stage in stages.items()}
    run_id = store.create_run(experiment, run_name=cell.name, tags=tags | provenance()).info.run_id
    _log_parameters(store, run_id, cell.config)
    return run_id


def _resumed(before: Mapping[str, str]) -> dict[str, str]:
    """Tags of a run that goes on: which code and machine do so, and the commits of its earlier attempts."""
    now = {"ablate.state": "running", **provenance()}
    commit = before.get("git.commit")
    if commit and commit != now.get("git.commit"):
        now["git.earlier"] = " ".join(dict.fromkeys([*before.get("git.earlier", "").split(), commit]))
    return now


def parameter(value: Any) -> str:
    """A value of the configuration as the store keeps it: text, cut to the length it takes."""
    return str(list(value) if isinstance(value, tuple) else value)[:_LENGTH]


def parsed(text: str) -> Any:
    """A value that `parameter` made text of; what is no literal was text before."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def _log_parameters(store: MlflowClient, run_id: str, config: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    found = [Param(name, parameter(value)) for name, value in flatten(config).items()]
    for start in range(0, len(found), _PARAMETERS):
        store.log_batch(run_id, params=found[start : start + _PARAMETERS])


def log_steps(uri: str, run_id: str, points: Sequence[tuple[str, float, int, int]]) -> None:
    """Step metrics (name, value, milliseconds, step), in batches as large as the store allows."""
    from mlflow.entities import Metric

    for start in range(0, len(points), _METRICS):
        client(uri).log_batch(run_id, metrics=[Metric(*point) for point in points[start : start + _METRICS]])


def finish_cell(uri: str, run_id: str, outcome: Outcome, seconds: float | None = None) -> None:
    """Artifacts, then every final metric in one batch, then the status: only now is the cell finished.

    `seconds` is the work the cell took over all its attempts.
    """
    from mlflow.entities import Metric, RunTag

    store = client(uri)
    for file in outcome.artifacts:
        store.log_artifact(run_id, str(file))
    if outcome.datasets:
        store.log_inputs(run_id, datasets=[_dataset(row) for row in outcome.datasets])
    final = {**outcome.metrics, **{f"fact.{name}": value for name, value in outcome.facts.items()}}
    final |= {} if seconds is None else {"seconds": seconds}
    now = int(time.time() * 1000)
    metrics = [Metric(name, float(value), now, 0) for name, value in final.items()]
    store.log_batch(run_id, metrics=metrics, tags=[RunTag("ablate.state", "finished")])
    store.set_terminated(run_id, "FINISHED")


def _dataset(row: Mapping[str, Any]) -> DatasetInput:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"weight": row["weight"]})
    entity = Dataset(row["name"], str(row["digest"]), "ablate", source, profile=json.dumps(row))
    return DatasetInput(entity, [InputTag("mlflow.data.context", f"weight {row['weight']:.3g}")])


def fail_cell(uri: str, run_id: str, reason: str, log: str, *, interrupted: bool = False) -> None:
    """Close a run as FAILED with its reason and last log lines, or as KILLED if it can be resumed."""
    store = client(uri)
    store.set_tag(run_id, "ablate.state", "interrupted" if interrupted else "failed")
    store.set_tag(run_id, "ablate.reason", hidden(reason)[:_LENGTH])
    if log:
        store.log_text(run_id, hidden(log), "failure.txt")
    store.set_terminated(run_id, "KILLED" if interrupted else "FAILED")


def prune_cell(uri: str, run_id: str, reason: str, search: str) -> None:
    """Close the run of a trial that a search (its id) ended early, as KILLED."""
    from mlflow.entities import RunTag

    told = {"ablate.state": "pruned", "ablate.reason": hidden(reason)[:_LENGTH], "ablate.pruned_by": search}
    tags = [RunTag(name, value) for name, value in told.items()]
    client(uri).log_batch(run_id, tags=tags)
    client(uri).set_terminated(run_id, "KILLED")


def reap(uri: str, reasons: Mapping[str, str], *, interrupted: bool = True) -> None:
    """Close the runs of cells (id -> reason) whose process is gone: nobody else will."""
    for run in cell_runs(uri, list(reasons)):
        if run.info.status == "RUNNING":
            reason = reasons[run.data.tags["cell_id"]]
            fail_cell(uri, run.info.run_id, reason, "", interrupted=interrupted)
