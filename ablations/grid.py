"""Sweep -> cells: product, zip, include, exclude, seeds as replicates."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from ablations.cell import Cell, cell_id
from ablations.errors import FieldError, SweepError, closest
from ablations.study import Study
from ablations.sweep import Sweep
from ablations.system import System


def points(sweep: Sweep) -> list[dict[str, Any]]:
    """The values of the axes, one mapping per point, in the file's order, each once; seeds not yet applied."""
    factors: list[list[dict[str, Any]]] = [[{name: value} for value in values] for name, values in sweep.axes.items()]
    factors += [
        [dict(zip(group, row, strict=True)) for row in zip(*group.values(), strict=True)] for group in sweep.zip
    ]
    grid = [_merge(combination) for combination in product(*factors)] if factors else []
    kept = [point for point in grid if not any(_matches(point, pattern) for pattern in sweep.exclude)]
    unique: list[dict[str, Any]] = []
    for point in [*kept, *sweep.include]:
        if point not in unique:
            unique.append(dict(point))
    if not unique:
        reason = "every point is excluded" if grid else "no axes, no zip, no include"
        raise sweep.lines.error(f"the grid is empty: {reason}", "exclude" if grid else "axes")
    return unique


def cells(study: Study, system: System, sweep: Sweep) -> list[Cell]:
    """Every cell of the sweep, resolved and addressed, each once; a bad field or value is a SweepError."""
    if sweep.scale not in system.scales():
        known = system.scales()
        message = f"unknown scale '{sweep.scale}'; known: {', '.join(known)}.{closest(sweep.scale, known)}"
        raise sweep.lines.error(message, "scale")
    found: dict[str, Cell] = {}
    for point in points(sweep):
        for seed in sweep.seeds:
            cell = _cell(study, system, sweep, point, seed)
            found.setdefault(cell.id, cell)
    return list(found.values())


def _cell(study: Study, system: System, sweep: Sweep, point: Mapping[str, Any], seed: int) -> Cell:
    try:
        config = system.resolve({**sweep.set, **point, "seed": seed}, sweep.scale)
    except FieldError as error:
        raise _placed(error, sweep, point) from None
    address = cell_id(system.identity(config), system.schema_version)
    return Cell(address, study.name, sweep.scale, seed, dict(point), config)


def _placed(error: FieldError, sweep: Sweep, point: Mapping[str, Any]) -> SweepError:
    """The error at the line of the key that brought the field in."""
    brought = [name for name in {**sweep.set, **point} if _related(name, error.field)]
    place: tuple[str, ...] = ()
    for name in brought:
        candidates = [("axes", name), ("scales", sweep.scale, "axes", name), ("set", name)]
        candidates += [("scales", sweep.scale, "set", name)]
        candidates += [("zip", str(i), name) for i in range(len(sweep.zip))]
        candidates += [("include", str(i), name) for i in range(len(sweep.include))]
        place = next((path for path in candidates if path in sweep.lines.lines), place)
    found = f" (found {error.value!r})" if error.value is not None else ""
    allowed = f" Allowed: {', '.join(error.allowed)}." if error.allowed else ""
    hint = closest(str(error.value or error.field), error.allowed) if error.allowed else ""
    return sweep.lines.error(f"{error.field}: {error.message}{found}.{allowed}{hint}", *place)


def _related(name: str, field: str) -> bool:
    return name == field or field.startswith(name + ".") or name.startswith(field + ".")


def _merge(parts: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}


def _matches(point: Mapping[str, Any], pattern: Mapping[str, Any]) -> bool:
    return all(name in point and point[name] == value for name, value in pattern.items())
