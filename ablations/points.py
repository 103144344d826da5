"""Sweep -> points: what varies, by design (product or baseline), zip, when, include, exclude."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import Any

from ablations.errors import closest
from ablations.sweep import Sweep

MOST = 100_000
"""Cells a sweep may have; more is taken for a slip."""

Point = dict[str, Any]


def points(sweep: Sweep, base: Mapping[str, Any]) -> list[Point]:
    """One mapping per point, in the file's order (the last factor turns fastest), each once.

    Seeds and `set` are not yet applied. Included points come last; neither the axes nor `when` touch them.

    Args:
        base: the base point's configuration, flat; `when` looks there for fields that do not vary.

    Raises:
        SweepError: a grid that is empty or larger than `MOST`; a condition of `when` that never holds.
    """
    grid = _grid(sweep)
    if sweep.when:
        _check_when(sweep, base)
        grid = [_conditioned(sweep, point, base) for point in grid]
        _check_used(sweep, grid)
    unique: dict[str, Point] = {}
    for point in [*grid, *sweep.include]:
        if not excluded(sweep, {**sweep.set, **point}):
            unique.setdefault(repr(point), dict(point))
    if not unique:
        reason = "`exclude` drops every point" if grid or sweep.include else "no axes, no zip, no include"
        raise sweep.lines.error(f"the grid is empty: {reason}", "exclude" if grid else "axes")
    return list(unique.values())


def excluded(sweep: Sweep, values: Mapping[str, Any]) -> bool:
    """Whether values are those of an `exclude` entry."""
    return any(pattern and _matches(values, pattern) for pattern in sweep.exclude)


def _grid(sweep: Sweep) -> list[Point]:
    factors: list[list[Point]] = [[{name: value} for value in values] for name, values in sweep.axes.items()]
    factors += [
        [dict(zip(group, row, strict=True)) for row in zip(*group.values(), strict=True)]
        for group in sweep.zip
    ]
    alone = sweep.design == "baseline"
    size = 1 + sum(map(len, factors)) if alone else prod(map(len, factors))
    _check_size(sweep, (size if factors else 0) + len(sweep.include))
    if not factors:
        return [{}] if sweep.search else []
    if alone:
        return [{}, *(row for factor in factors for row in factor)]
    return [_merge(rows) for rows in product(*factors)]


def _merge(rows: tuple[Point, ...]) -> Point:
    return {name: value for row in rows for name, value in row.items()}


def _check_size(sweep: Sweep, size: int) -> None:
    count = size * len(sweep.seeds)
    if count > MOST:
        raise sweep.lines.error(f"the grid has {count:,} cells; at most {MOST:,} are allowed", "axes")


def _conditioned(sweep: Sweep, point: Point, base: Mapping[str, Any]) -> Point:
    """The point without the fields whose condition it does not meet."""
    kept = dict(point)
    for name, condition in sweep.when.items():
        if name in kept and not _meets({**base, **sweep.set, **kept}, condition):
            del kept[name]
    return kept


def _meets(values: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
    return all(
        any(_matches(values, {name: value}) for value in (wanted if isinstance(wanted, list) else [wanted]))
        for name, wanted in condition.items()
    )


def _check_when(sweep: Sweep, base: Mapping[str, Any]) -> None:
    known = {*base, *sweep.set, *sweep.factors}
    for name, condition in sweep.when.items():
        for other in condition:
            if other not in known:
                message = f"when: {name}: no such field '{other}'.{closest(other, known)}"
                raise sweep.lines.error(message, *sweep.block("when"), name, other)


def _check_used(sweep: Sweep, grid: list[Point]) -> None:
    """A condition that never holds would drop an axis, and say nothing."""
    used = {name for point in grid for name in point}
    for name in sweep.when:
        if name not in used:
            message = f"when: {name}: no point of the grid meets this condition"
            raise sweep.lines.error(message, *sweep.block("when"), name)


def _matches(values: Mapping[str, Any], pattern: Mapping[str, Any]) -> bool:
    return all(
        name in values and values[name] == value and isinstance(values[name], bool) == isinstance(value, bool)
        for name, value in pattern.items()
    )


def excluded_fields(sweep: Sweep) -> Iterator[tuple[tuple[str, ...], str]]:
    """Place and name of each field in `exclude`."""
    for place in sweep.lines.lines:
        here = place[2:] if place[:2] == ("scales", sweep.scale) else place
        if here[0:1] == ("exclude",) and len(here) == 3:
            yield place, here[2]
