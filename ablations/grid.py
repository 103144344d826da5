"""Sweep -> cells: product, zip, include, exclude, seeds as replicates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import Any

from ablations.cell import Cell, cell_id, flatten
from ablations.errors import FieldError, SweepError, closest
from ablations.study import Study
from ablations.sweep import Sweep
from ablations.system import System

MOST = 100_000
"""Cells a sweep may have; more is taken for a slip."""


def points(sweep: Sweep) -> list[dict[str, Any]]:
    """What varies, one mapping per point, in the file's order (the last factor turns fastest), each once.

    Seeds and `set` are not yet applied. Included points come last and are not crossed with the axes.

    Raises:
        SweepError: a grid that is empty or larger than `MOST`.
    """
    factors: list[list[dict[str, Any]]] = [
        [{name: value} for value in values] for name, values in sweep.axes.items()
    ]
    factors += [
        [dict(zip(group, row, strict=True)) for row in zip(*group.values(), strict=True)]
        for group in sweep.zip
    ]
    _check_size(sweep, factors)
    grid = [_merge(combination) for combination in product(*factors)] if factors else []
    unique: list[dict[str, Any]] = []
    seen: set[str] = set()
    for point in [*grid, *sweep.include]:
        if repr(point) not in seen and not _excluded(sweep, {**sweep.set, **point}):
            seen.add(repr(point))
            unique.append(dict(point))
    if not unique:
        reason = "`exclude` drops every point" if grid or sweep.include else "no axes, no zip, no include"
        raise sweep.lines.error(f"the grid is empty: {reason}", "exclude" if grid else "axes")
    return unique


def cells(study: Study, system: System, sweep: Sweep) -> list[Cell]:
    """Every cell of the sweep, resolved and addressed, each once; the seeds of a point follow one another.

    Raises:
        SweepError: a field or value that the system refuses, where it was written; an empty grid.
    """
    found: dict[str, Cell] = {}
    for point in points(sweep):
        for seed in sweep.seeds:
            cell = _cell(study, system, sweep, point, seed)
            if not _excluded(sweep, flatten(cell.config)):
                found.setdefault(cell.id, cell)
    if not found:
        raise sweep.lines.error("the grid is empty: `exclude` drops every cell", "exclude")
    _check_exclude(sweep, next(iter(found.values())))
    return list(found.values())


def _cell(study: Study, system: System, sweep: Sweep, point: Mapping[str, Any], seed: int) -> Cell:
    try:
        config = system.resolve({**sweep.set, **point, "seed": seed}, sweep.scale)
    except FieldError as error:
        raise _placed(error, sweep, point) from None
    address = cell_id(system.identity(config), system.schema_version)
    flat = flatten(config)
    fields = dict.fromkeys([*(axis.field for axis in study.axes), *sweep.varied])
    axes = {name: flat[name] if name in flat else point.get(name, _part(config, name)) for name in fields}
    return Cell(address, study.name, sweep.scale, seed, axes, config)


def _part(config: Mapping[str, Any], name: str) -> Any:
    """A section of the configuration; None if there is none."""
    found: Any = config
    for step in name.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


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


def _merge(parts: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}


def _excluded(sweep: Sweep, values: Mapping[str, Any]) -> bool:
    return any(pattern and _matches(values, pattern) for pattern in sweep.exclude)


def _matches(values: Mapping[str, Any], pattern: Mapping[str, Any]) -> bool:
    return all(
        name in values and values[name] == value and isinstance(values[name], bool) == isinstance(value, bool)
        for name, value in pattern.items()
    )


def _check_exclude(sweep: Sweep, cell: Cell) -> None:
    """A misspelt field would exclude nothing, and say nothing."""
    known = {*flatten(cell.config), *sweep.varied}
    for place, name in _excluded_fields(sweep):
        if name not in known:
            message = f"{name}: no such field in `exclude`.{closest(name, known)}"
            raise sweep.lines.error(message, *place)


def _excluded_fields(sweep: Sweep) -> Iterator[tuple[tuple[str, ...], str]]:
    for place in sweep.lines.lines:
        here = place[2:] if place[:2] == ("scales", sweep.scale) else place
        if here[0:1] == ("exclude",) and len(here) == 3:
            yield place, here[2]


def _check_size(sweep: Sweep, factors: list[list[dict[str, Any]]]) -> None:
    size = (prod(map(len, factors)) if factors else 0) + len(sweep.include)
    if size * len(sweep.seeds) > MOST:
        count = size * len(sweep.seeds)
        raise sweep.lines.error(f"the grid has {count:,} cells; at most {MOST:,} are allowed", "axes")
