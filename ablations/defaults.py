"""A default that changed makes other cells of those that are finished: that is an error with a diff, not silent work.

An id covers the full configuration, so another default is another id. Whether somebody changed the sweep or the code
shows in the fields that differ: those that neither this sweep nor the finished cell's own spells had their default
both times. Studies' fields count as spelled, and so does what a suite or the command line sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ablations import tracking
from ablations.cell import Cell, cell_id, flatten
from ablations.drift import Difference, differences, texts
from ablations.errors import UserError
from ablations.part import Part
from ablations.system import System
from ablations.tracking import parameter, parsed

if TYPE_CHECKING:
    from ablations.tracking import CellRun

_Spelled = frozenset[str]
_Known = dict[_Spelled, dict[frozenset[tuple[str, str]], dict[str, "CellRun"]]]
"""Fields that two sweeps spell -> their values -> finished cells that have them, by id."""
_MOST_ROWS = 20


def check(parts: Sequence[Part], finished: Sequence[CellRun], uri: str) -> None:
    """Look for finished cells that sweeps of the same study spelled as these spell theirs that are left.

    Raises:
        UserError: a default changed since, while epochs, versions and files did not.
    """
    runs = {run.cell_id: run for run in finished}
    if all(cell.id in runs for part in parts for cell in part.cells):
        return
    declared = [sweep.declaration for sweep in tracking.sweeps(uri)]
    studies = {part.study.name for part in parts}
    ids = {cell["id"] for about in declared if about["study"]["name"] in studies for cell in about["cells"]}
    runs |= {run.cell_id: run for run in tracking.finished(uri, sorted(ids - runs.keys()))}
    changed: dict[Difference, dict[str, str]] = {}
    for part in parts:
        left = [cell for cell in part.cells if cell.id not in runs]
        known = _known(part, declared, runs) if left else {}
        for cell in left if known else ():
            for row in _drift(cell, part.system, known):
                changed.setdefault(row, {})[cell.id] = f"{cell.name} of {part.sweep.lines.file}"
    if changed:
        raise UserError(_message(changed))


def _known(part: Part, declared: Sequence[Mapping[str, Any]], runs: Mapping[str, CellRun]) -> _Known:
    """What is finished of the part's study at its scale, less what the part has itself."""
    own, here = {cell.id for cell in part.cells}, {"seed", *part.sweep.set, *part.cells[0].axes}
    known: _Known = {}
    for about in declared:
        if (about["study"]["name"], about["scale"]) == (part.study.name, part.sweep.scale):
            axes = about["cells"][0]["axes"] if about["cells"] else {}  # a search may have come to none
            spelled = frozenset({*here, *about["set"], *axes})
            for key in {cell["id"] for cell in about["cells"]} & runs.keys() - own:
                values = _values(runs[key].params, spelled)
                known.setdefault(spelled, {}).setdefault(values, {})[key] = runs[key]
    return known


def _values(flat: Mapping[str, Any], spelled: _Spelled) -> frozenset[tuple[str, str]]:
    return frozenset((name, parameter(value)) for name, value in flat.items() if _is_spelled(name, spelled))


@lru_cache(maxsize=4096)
def _is_spelled(name: str, spelled: _Spelled) -> bool:
    """Whether a field, or a section that it is in, was given."""
    parts = name.split(".")
    return any(".".join(parts[:end]) in spelled for end in range(1, len(parts) + 1))


def _drift(cell: Cell, system: System, known: _Known) -> list[Difference]:
    """Where the cell differs from a finished one that was spelled like it."""
    now = flatten(cell.config)
    for spelled, by_values in known.items():
        for run in by_values.get(_values(now, spelled), {}).values():
            found = differences(run.params, texts(cell.config), system.indifferent)
            if _address_with(now, found, run.params, system) == run.cell_id:
                return found
    return []


def _address_with(
    now: Mapping[str, Any], found: Sequence[Difference], before: Mapping[str, str], system: System
) -> str | None:
    """The cell's id had it the earlier values: that of the finished cell unless more than defaults changed."""
    flat = {name: value for name, value in now.items() if name not in {row[0] for row in found}}
    flat |= {name: parsed(was) for name, was, _ in found if name in before}
    try:
        return cell_id(system.identity(_nested(flat)), system.schema_version)
    except (LookupError, TypeError):  # of a shape that the system no longer knows
        return None


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """What `flatten` made flat."""
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *sections, leaf = name.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[leaf] = value
    return nested


def _message(changed: Mapping[Difference, Mapping[str, str]]) -> str:
    """`changed`: field with its values -> what the cells are called, by id."""
    names = {key: name for found in changed.values() for key, name in found.items()}
    rows = [
        f"  {name}: was {was}, is {now} ({len(found)} of them)"
        for (name, was, now), found in sorted(changed.items())
    ]
    rest = len(rows) - _MOST_ROWS
    return "\n".join(
        [
            f"cells that have finished with other defaults: {len(names)}; the first: {next(iter(names.values()))}",
            *rows[:_MOST_ROWS],
            *([f"  and {rest} more"] if rest > 0 else []),
            "No sweep names these fields, so the code or a recipe changed, and the cells would be trained anew.",
            "Put the value that is meant under `set:` (the old one: the finished cells are reused), or take the",
            "change back; or, if results of before no longer count, raise the system's code epoch.",
        ]
    )
