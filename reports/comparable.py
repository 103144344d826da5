"""Which runs of a study stand beside those of its newest sweep, and what is the same in all of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ablations.pairing import canonical
from ablations.tracking import CellRun, SweepRun, parsed


def cell_ids(sweep: SweepRun) -> set[str]:
    """The cells that a sweep declares."""
    return {cell["id"] for cell in sweep.declaration["cells"]}


def cell_axes(sweeps: Sequence[SweepRun]) -> dict[str, dict[str, Any]]:
    """Cell id -> its axis values as the newest sweep that has it declares them."""
    return {cell["id"]: cell["axes"] for sweep in sweeps for cell in sweep.declaration["cells"]}


def axis_value(run: CellRun, axes: Mapping[str, Any], field: str) -> Any:
    """A cell's value of an axis; one that its sweep did not vary stands among the settings."""
    if field in axes:
        return axes[field]
    below = {name.removeprefix(f"{field}."): text for name, text in run.params.items() if _is_at(name, field)}
    values = {name: parsed(text) for name, text in below.items()}
    return values.get(field) if field in values else values or None


def comparable(
    runs: Sequence[CellRun],
    sweeps: Sequence[SweepRun],
    own: Collection[str],
    fields: Sequence[str],
    setting: Mapping[str, str],
) -> tuple[list[CellRun], dict[str, str]]:
    """The runs that agree with the newest sweep's own in what it holds fixed, and what that is.

    A parameter that equals the seed in every run follows the seed, so it is not held fixed. One that any
    sweep settles by its axes (a learning rate that goes with a connector) follows them, even where the newest
    sweep has too few of their values to show it; only where it has the same setting do the two have to agree.
    Results of another epoch of the code never count beside its own. `setting`: cell id -> `setting_of` it.
    """
    mine = [run for run in runs if run.cell_id in own]
    first = mine[0].params
    seeds = {name for name in first if all(run.params.get(name) == run.tags["seed"] for run in runs)}
    settled = {name for sweep in sweeps for name in _settled(runs, cell_ids(sweep), setting)}
    open_names = {name for name in first if any(_is_at(name, field) for field in fields)}
    fixed = {
        name: value
        for name, value in first.items()
        if name not in {*open_names, *seeds, *settled, "seed"}
        and all(run.params.get(name) == value for run in mine)
    }
    here = {setting[run.cell_id]: {name: run.params.get(name) for name in settled - seeds} for run in mine}

    def agrees(run: CellRun) -> bool:
        expected = {**fixed, **here.get(setting[run.cell_id], {})}
        same = all(run.params.get(name) == value for name, value in expected.items())
        return same and _epochs(run) == _epochs(mine[0])

    return [run for run in runs if run.cell_id in own or agrees(run)], dict(sorted(fixed.items()))


def once_each(runs: Sequence[CellRun], own: Collection[str], setting: Mapping[str, str]) -> list[CellRun]:
    """One run per setting of the axes and seed: the newest sweep's own, else the latest."""
    best: dict[tuple[str, str], CellRun] = {}
    for run in sorted(runs, key=lambda run: (run.cell_id in own, run.start)):
        best[setting[run.cell_id], run.tags["seed"]] = run
    return sorted(best.values(), key=lambda run: run.cell_id)


def setting_of(run: CellRun, axes: Mapping[str, Any], fields: Sequence[str]) -> str:
    """One text for a cell's values of the axes."""
    return canonical([axis_value(run, axes, field) for field in fields])


def _settled(runs: Sequence[CellRun], ids: Collection[str], setting: Mapping[str, str]) -> set[str]:
    """The parameters that vary among these cells, but not among those of one setting."""
    cells = [run for run in runs if run.cell_id in ids]
    varying = {
        name
        for run in cells
        for name in run.params.keys() | cells[0].params.keys()
        if run.params.get(name) != cells[0].params.get(name)
    }
    there: dict[str, CellRun] = {}
    for run in cells:
        other = there.setdefault(setting[run.cell_id], run)
        varying -= {name for name in varying if run.params.get(name) != other.params.get(name)}
    return varying


def _epochs(run: CellRun) -> dict[str, float]:
    """Epochs of the code, as the cell logged them; cells of before they were logged are of the first."""
    return {name: value for name, value in run.metrics.items() if name.startswith("epoch/") and value != 1}


def _is_at(name: str, field: str) -> bool:
    """Whether a parameter is a field or lies below it: `data.mix.text` below `data.mix`."""
    return name == field or name.startswith(f"{field}.")
