"""A sweep's note leads to those of its cells that another experiment has: cells that studies share have one run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from ablations.tracking.read import artifact
from ablations.tracking.store import cell_runs, client

_NOTE = "mlflow.note.content"
_HEADING = "\n\n### Cells in other experiments\n"
_LENGTH = 8000
"""Characters that MLflow keeps of a tag."""


def link_cells(uri: str, sweeps: Iterable[str]) -> None:
    """Below what their notes say, list the cells of these sweeps (run ids) that lie in other experiments."""
    store = client(uri)
    parents = [store.get_run(run_id) for run_id in sweeps]
    declared = [json.loads(artifact(uri, run.info, "sweep.json").read_text())["cells"] for run in parents]
    ids = list(dict.fromkeys(cell["id"] for cells in declared for cell in cells))
    runs = {run.data.tags["cell_id"]: run.info for run in cell_runs(uri, ids)}
    names = {found.experiment_id: found.name for found in store.search_experiments()}
    for parent, cells in zip(parents, declared, strict=True):
        elsewhere: dict[str, list[str]] = {}
        for cell in cells:
            run = runs.get(cell["id"])
            if run is not None and run.experiment_id != parent.info.experiment_id:
                place = f"#/experiments/{run.experiment_id}/runs/{run.run_id}"
                elsewhere.setdefault(names[run.experiment_id], []).append(f"- [{cell['name']}]({place})")
        before = parent.data.tags.get(_NOTE, "")
        if (note := _note(before.partition(_HEADING)[0], elsewhere)) != before:
            store.set_tag(parent.info.run_id, _NOTE, note)


def _note(about: str, elsewhere: Mapping[str, Sequence[str]]) -> str:
    """`elsewhere`: experiment -> lines. What is too long for a tag is counted."""
    if not elsewhere:
        return about
    note, left = about + _HEADING, sum(map(len, elsewhere.values()))
    for experiment, lines in elsewhere.items():
        note += f"\n{experiment}\n\n"
        for line in lines:
            if len(note) + len(line) > _LENGTH - 200:
                return f"{note}\nand {left} more"
            note, left = f"{note}{line}\n", left - 1
    return note
