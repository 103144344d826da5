"""Sweep -> cells: its points under `set`, with seeds as replicates, resolved and addressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ablations.cell import Cell, cell_id, flatten
from ablations.collecting import without_collecting
from ablations.errors import FieldError, SweepError, closest
from ablations.points import excluded, excluded_fields, points
from ablations.study import Study
from ablations.sweep import Sweep
from ablations.system import System


@without_collecting
def cells(study: Study, system: System, sweep: Sweep) -> list[Cell]:
    """Every cell of the sweep, resolved and addressed, each once; the seeds of a point follow one another.

    Raises:
        SweepError: a field or value that the system refuses, where it was written; an empty grid.
    """
    found: dict[str, Cell] = {}
    base = flatten(_resolve(system, sweep, {}, sweep.seeds[0])) if sweep.when else {}
    fields = list(dict.fromkeys([*(axis.field for axis in study.axes), *sweep.varied]))
    for point in points(sweep, base):
        for seed in sweep.seeds:
            config = _resolve(system, sweep, point, seed)
            if sweep.exclude and excluded(sweep, flatten(config)):
                continue
            address = cell_id(system.identity(config), system.schema_version)
            axes = {name: _value(config, name, point) for name in fields}
            if address not in found:
                found[address] = Cell(address, study.name, sweep.scale, seed, axes, config)
            else:  # the base point once more: values are shown as they were written
                known = found[address]
                written = {name: axes[name] for name in fields if name in point}
                found[address] = replace(known, axes={**known.axes, **written})
    if not found:
        raise sweep.lines.error("the grid is empty: `exclude` drops every cell", "exclude")
    _check_exclude(sweep, next(iter(found.values())))
    return list(found.values())


def _resolve(system: System, sweep: Sweep, point: Mapping[str, Any], seed: int) -> dict[str, Any]:
    try:
        return system.resolve({**sweep.set, **point, "seed": seed}, sweep.scale)
    except FieldError as error:
        raise _placed(error, sweep, point) from None


def _value(config: Mapping[str, Any], name: str, point: Mapping[str, Any]) -> Any:
    """A field of the configuration: a leaf as resolved, a section as it was written; None if there is none."""
    found: Any = config
    for step in name.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return point[name] if name in point and (found is None or (found and isinstance(found, dict))) else found


def _placed(error: FieldError, sweep: Sweep, point: Mapping[str, Any]) -> SweepError:
    """The error where the nearest field was set: itself, its parent, or the one it does not go with."""
    if error.field == "seed":
        return sweep.lines.error(error.describe(), "seeds")
    values = {**sweep.set, **point}
    nearest = max(
        values, key=lambda name: (_shared(name, error.field), values[name] == error.value), default=""
    )
    if not _shared(nearest, error.field):
        return sweep.lines.error(error.describe())
    return sweep.error(error.describe(), nearest, values[nearest])


def _shared(one: str, other: str) -> int:
    """How many leading parts two dotted fields share."""
    pairs = list(zip(one.split("."), other.split("."), strict=False))
    return next((place for place, (left, right) in enumerate(pairs) if left != right), len(pairs))


def _check_exclude(sweep: Sweep, cell: Cell) -> None:
    """A misspelt field would exclude nothing, and say nothing."""
    known = {*flatten(cell.config), *sweep.varied}
    for place, name in excluded_fields(sweep):
        if name not in known:
            message = f"{name}: no such field in `exclude`.{closest(name, known)}"
            raise sweep.lines.error(message, *place)
