"""MLflow -> the tidy frames of one study.

Shown are the cells of the newest sweep, and those of earlier sweeps of the same study and scale that agree
with it in every setting but axes and seed, so that seeds added later count. Each setting and seed counts
once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ablations import tracking
from ablations.claims import Verdict, judge
from ablations.errors import UserError
from ablations.pairing import canonical
from ablations.tracking import CellRun, SweepRun
from reports.comparable import axis_value, cell_axes, cell_ids, comparable, once_each, setting_of
from reports.revised import revisions
from reports.scaling import with_best_values

_SCORE_COLUMNS = ["benchmark", "task", "shots", "item", "score"]


@dataclass(frozen=True)
class Results:
    """What a report knows of one study.

    Attributes:
        study: the declaration: question, lesson, axes, metrics, claims, paper, notes.
        experiment: the MLflow experiment.
        levels: axis -> its values, in order.
        cells: a row per cell: `cell_id`, `run_id`, `run`, `seed`, `minutes` of work, `start` and `end` in
            seconds since the epoch, a column per axis, metrics, `fact.<name>`, and
            `setting.<field>` for each setting in which cells differ, as the store has it.
        scores: a row per cell and item.
        verdicts: one per claim.
        fixed: settings that are the same in every cell.
        set: those of them that the newest sweep sets otherwise than the recipe of its scale.
        sweeps: names of the sweeps whose cells are shown.
        declared: how many cells the newest sweep has; `finished` of them are done.
        left_out: finished cells of earlier sweeps with other settings.
        versions: commits, package versions and machines, each with the values found.
    """

    study: Mapping[str, Any]
    scale: str
    experiment: str
    levels: Mapping[str, list[Any]]
    cells: pd.DataFrame
    scores: pd.DataFrame
    verdicts: Sequence[Verdict]
    fixed: Mapping[str, str]
    set: Mapping[str, Any]
    sweeps: Sequence[str]
    declared: int
    finished: int
    left_out: int
    versions: Mapping[str, list[str]]

    @property
    def axes(self) -> list[Mapping[str, str]]:
        """Field, label and unit of each axis."""
        return self.study["axes"]

    @property
    def seeds(self) -> list[int]:
        """Every seed that occurs."""
        return sorted(set(self.cells["seed"]))

    @property
    def items(self) -> int:
        """Distinct evaluation items, over all benchmarks."""
        return len(self.scores[["benchmark", "item"]].drop_duplicates())

    @property
    def caveats(self) -> dict[str, list[str]]:
        """Each caveat and the claims it belongs to."""
        found: dict[str, list[str]] = {}
        for verdict in self.verdicts:
            for caveat in verdict.caveats:
                found.setdefault(caveat, []).append(verdict.claim)
        return found


def read(
    study: str,
    tracking_uri: str,
    cells: Collection[str] | None = None,
    runs: Sequence[CellRun] | None = None,
) -> Results:
    """Everything about a study's newest sweep, or about the sweep of these cell ids.

    `runs` are the cells' runs if they have been read already; those of other studies may be among them.

    Raises:
        UserError: no sweep of this study, or no finished cell in it.
    """
    sweeps = tracking.sweeps(tracking_uri, study)
    if not sweeps:
        raise UserError(
            f"no runs of study '{study}' in {tracking_uri}; run `ablate {study} --grid ...` first"
        )
    newest = next((s for s in reversed(sweeps) if cells is None or cell_ids(s) == set(cells)), sweeps[-1])
    sweeps = [sweep for sweep in sweeps if sweep.declaration["scale"] == newest.declaration["scale"]]
    axes = cell_axes(sweeps)
    known = tracking.cells(tracking_uri, list(axes)) if runs is None else runs
    runs = [run for run in known if run.cell_id in axes and run.status == "FINISHED"]
    own = cell_ids(newest)
    if not any(run.cell_id in own for run in runs):
        raise UserError(
            f"study '{study}': none of the {len(own)} cells of '{newest.name}' is finished;"
            " `ablate status` shows where they are"
        )
    declaration = _with_own_axes(newest.declaration)
    fields = [axis["field"] for axis in declaration["axes"]]
    setting = {run.cell_id: setting_of(run, axes[run.cell_id], fields) for run in runs}
    kept, fixed = comparable(runs, sweeps, own, fields, setting)
    chosen = once_each(kept, own, setting)
    cells = _cells(chosen, axes, fields)
    scores = _scores(chosen, tracking_uri)
    declared = [*newest.declaration["cells"], *({"axes": axes[run.cell_id]} for run in chosen)]
    levels = {
        field: _ordered(cell["axes"][field] for cell in declared if field in cell["axes"]) for field in fields
    }
    shown = {run.cell_id for run in chosen}
    used = [sweep for sweep in sweeps if shown & cell_ids(sweep)]
    return Results(
        study=declaration,
        scale=newest.declaration["scale"],
        experiment=newest.experiment,
        levels=levels,
        cells=cells,
        scores=scores,
        verdicts=_verdicts(declaration, cells, scores, levels, used),
        fixed=fixed,
        set=newest.declaration.get("set", {}),
        sweeps=[sweep.name for sweep in used],
        declared=len(own),
        finished=len(own & {run.cell_id for run in runs}),
        left_out=len(runs) - len(kept),
        versions=_versions(chosen),
    )


LOSSES = {"training": ("multimodal/next_token_loss", "multimodal/loss"), "held out": ("held_out/loss",)}
"""Name of a loss -> its metrics, best first: with experts, the loss as such includes those of the routers."""


def curves(results: Results, tracking_uri: str) -> pd.DataFrame:
    """Loss by step: `cell_id`, `loss` (a name of LOSSES), `step`, `value`."""
    rows = [
        (cell["cell_id"], name, step, value)
        for _, cell in results.cells.iterrows()
        for name, metrics in LOSSES.items()
        for metric in [m for m in metrics if pd.notna(cell.get(m))][:1]
        for step, value in tracking.history(tracking_uri, cell["run_id"], metric)
    ]
    return pd.DataFrame(rows, columns=["cell_id", "loss", "step", "value"])


def _verdicts(
    study: Mapping[str, Any],
    cells: pd.DataFrame,
    scores: pd.DataFrame,
    levels: Mapping[str, list[Any]],
    used: Sequence[SweepRun],
) -> list[Verdict]:
    """One per claim; those that these sweeps declared in other words say so."""
    known = with_best_values(cells, study.get("optimum"), list(levels))
    verdicts = judge(study["claims"], known, scores, levels)
    for verdict, claim in zip(verdicts, study["claims"], strict=True):
        verdict.caveats += revisions(claim, used)
    return verdicts


def _with_own_axes(sweep: Mapping[str, Any]) -> dict[str, Any]:
    """The study's declaration, with every further field that this sweep varies as an axis of its own.

    A field that the study's axes settle, such as a learning rate that goes with a connector, is none.
    """
    study, cells = sweep["study"], [cell["axes"] for cell in sweep["cells"]]
    known = [axis["field"] for axis in study["axes"]]
    settings = {canonical([axes.get(name) for name in known]) for axes in cells}

    def varies(field: str) -> bool:
        pairs = {canonical([axes.get(name) for name in (*known, field)]) for axes in cells}
        return len(pairs) > len(settings)

    fields = dict.fromkeys(field for axes in cells for field in axes if field not in known)
    more = [{"field": field, "label": field, "unit": ""} for field in fields if varies(field)]
    return {**study, "axes": [*study["axes"], *more]}


def _cells(
    runs: Sequence[CellRun], axes: Mapping[str, dict[str, Any]], fields: Sequence[str]
) -> pd.DataFrame:
    rows = []
    varying = _varying(runs)
    for run in runs:
        about = {"cell_id": run.cell_id, "run_id": run.run_id, "run": run.name, "seed": int(run.tags["seed"])}
        values = {field: axis_value(run, axes[run.cell_id], field) for field in fields}
        settings = {f"setting.{name}": run.params.get(name) for name in varying}
        times = {"minutes": run.seconds / 60, "start": run.start, "end": run.end}
        rows.append({**about, **times, **values, **run.metrics, **settings})
    frame = pd.DataFrame(rows)
    for field in fields:
        values = [row[field] for row in rows]
        if None in values:  # a column of numbers would make it NaN, which equals nothing
            frame[field] = pd.Series(values, dtype=object)
    return frame


def _varying(runs: Sequence[CellRun]) -> list[str]:
    """Settings that are not the same in all runs, the seed aside."""
    names = {name for run in runs for name in run.params} - {"seed"}
    return sorted(name for name in names if len({run.params.get(name) for run in runs}) > 1)


def _scores(runs: Sequence[CellRun], tracking_uri: str) -> pd.DataFrame:
    frames = [
        pd.read_parquet(tracking.predictions(tracking_uri, run), columns=_SCORE_COLUMNS).assign(
            cell_id=run.cell_id
        )
        for run in runs
    ]
    return pd.concat(frames, ignore_index=True)


def _ordered(values: Any) -> list[Any]:
    """Each value once: numbers by size, anything else in the order of the sweep."""
    distinct = list({canonical(value): value for value in values}.values())
    numbers = all(isinstance(value, int | float) for value in distinct)
    return sorted(distinct) if numbers else distinct


def _versions(runs: Sequence[CellRun]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for run in runs:
        for name, value in run.tags.items():
            if name.startswith(("version.", "git.", "machine.")):
                found.setdefault(name.removeprefix("version."), set()).add(value)
    return {name: sorted(values) for name, values in sorted(found.items())}
