"""A suite file: several sweeps as one plan, and what they have in common.

suite: mm1                       # prefix of the MLflow experiments
scale: micro                     # these three hold where a sweep says nothing itself
seeds: 0-2
set: {training.steps: 800}
sweeps: [res.yaml, mix.yaml]     # beside this file; each names its study
launch: {executor: local}        # of the whole plan; those of the sweeps do not count
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ablations import grid, studies
from ablations import sweep as sweeps
from ablations import sweep_blocks as blocks
from ablations.cell import Cell, flatten
from ablations.errors import SweepError, UserError, closest
from ablations.part import Part
from ablations.yaml_lines import Lines, load

ALL = "all"
"""What stands in the place of a study's name to run a suite."""
_KEYS = ("suite", "scale", "seeds", "set", "sweeps", "launch")


def read(
    study: str,
    path: Path,
    *,
    scale: str | None = None,
    seeds: str | None = None,
    set_: Sequence[str] = (),
    launch: Mapping[str, Any] | None = None,
    only: Sequence[str] = (),
) -> tuple[list[Part], Mapping[str, Any]]:
    """The parts of a plan and its launch settings: one part per sweep of a suite, one for a sweep by itself.

    Args:
        study: a study's name if `path` is its sweep, `all` if it is a suite.
        scale, seeds, set_, launch: as in `ablations.sweep.read`, for every sweep.
        only: `field=value` or `field=[values]` texts; cells with other values stay out.

    Raises:
        SweepError: with the file, its line, what was found there and what is allowed.
    """
    options = {"scale": scale, "seeds": seeds, "set_": set_}
    if study != ALL:
        part = _part(study, path, **options, launch=launch)
        return _chosen([part], only), part.sweep.launch
    lines = load(path)
    _check_suite(lines)
    parts = [_part(_study(lines, file, place), file, **options, below=lines) for place, file in _files(lines)]
    settings = blocks.mapping(lines, lines.data.get("launch"), ("launch",))
    return _chosen(parts, only), blocks.launch(lines, settings, launch or {})


def values_of(cell: Cell) -> dict[str, Any]:
    """Every field of a cell by its dotted name, and its axes."""
    return flatten(cell.config) | dict(cell.axes)


def only_cells(part: Part, only: Mapping[str, Sequence[Any]]) -> Part:
    """The part with just the cells that have one of the values in each of the fields."""

    def fits(cell: Cell) -> bool:
        values = values_of(cell)
        return all(values.get(name) in wanted for name, wanted in only.items())

    return replace(part, cells=[cell for cell in part.cells if fits(cell)]) if only else part


def _chosen(parts: list[Part], only: Sequence[str]) -> list[Part]:
    """The parts that have cells left."""
    for text in only:
        name, value = blocks.typed_field(text, "--only")
        wanted = value if isinstance(value, list) else [value]
        left = [part for one in parts if (part := only_cells(one, {name: wanted})).cells]
        if not left:
            raise SweepError(f"--only {text}", None, _no_cell(parts, name, wanted))
        parts = left
    return parts


def _no_cell(parts: Sequence[Part], name: str, wanted: Sequence[Any]) -> str:
    """Why `--only` leaves nothing: a field that there is not, or values that no cell has."""
    values = [values_of(cell) for part in parts for cell in part.cells]
    fields = sorted({field for one in values for field in one})
    if name not in fields:
        return f"no such field.{closest(name, fields)}"
    there = ", ".join(dict.fromkeys(str(one[name]) for one in values if name in one))
    return f"no cell has {name} = {' or '.join(map(str, wanted))}; there are {there}"


def named(path: Path) -> str:
    """The study that a sweep file names; `all` if it is a suite.

    Raises:
        SweepError: it names something that is no text.
    """
    lines = load(path)
    name = lines.data.get("study", ALL)
    if not isinstance(name, str):
        raise lines.error(f"study: expected a study's name, found {name!r}", "study")
    return name


def _part(study: str, path: Path, **options: Any) -> Part:
    found = studies.get(study)
    system = found.system()
    wanted = sweeps.read(path, found.name, system.scales(), **options)
    return Part(found, wanted, system, grid.cells(found, system, wanted))


def _check_suite(lines: Lines) -> None:
    if "sweeps" not in lines.data and "study" in lines.data:
        name = lines.data["study"]
        message = f"this is a sweep of '{name}', not a suite; run: ablate {name} --grid {lines.file}"
        raise lines.error(message, "study")
    blocks.check_keys(lines, lines.data, _KEYS)


def _files(lines: Lines) -> list[tuple[str, Path]]:
    """Place in the list and file of each sweep."""
    names = lines.data.get("sweeps")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise lines.error(f"sweeps: expected a list of sweep files, found {names!r}", "sweeps")
    for place, name in enumerate(names):
        if name in names[:place]:
            raise lines.error(f"sweeps: {name} stands twice", "sweeps", str(place))
    return [(str(place), Path(lines.file).parent / name) for place, name in enumerate(names)]


def _study(lines: Lines, file: Path, place: str) -> str:
    """The study that a sweep names."""
    if not file.is_file():
        near = ", ".join(sorted(found.name for found in file.parent.glob("*.y*ml"))) or "none"
        raise lines.error(f"sweeps: no such file: {file}; YAML files there: {near}", "sweeps", place)
    sweep = load(file)
    if "study" not in sweep.data:
        raise SweepError(str(file), 1, "study: missing; a sweep in a suite names its study")
    try:
        studies.target(str(sweep.data["study"]))
    except UserError as error:
        raise sweep.error(f"study: {error}", "study") from None
    return sweep.data["study"]
