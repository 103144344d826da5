"""An id means one configuration: what was run under it is compared before it is reused or gone on with."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.cell import Cell, flatten
from ablations.errors import UserError
from ablations.files import read_json
from ablations.part import Part
from ablations.tracking import parameter

if TYPE_CHECKING:
    from ablations.tracking import CellRun

Difference = tuple[str, str, str]
"""A field and its value on either side; `-` where a side has none."""


def check(parts: Sequence[Part], runs: Path, finished: Sequence[CellRun]) -> None:
    """Compare cells with what lies in their folders and with the parameters of their finished runs.

    Raises:
        UserError: a cell whose id was used for another configuration, with what differs.
    """
    known = {run.cell_id: run.params for run in finished if run.params}
    folders = {folder.name for folder in runs.iterdir()} if runs.is_dir() else set()
    for part in parts:
        for cell in part.cells:
            for place, earlier in _earlier(cell, runs, folders, known):
                now = texts(cell.config)
                if found := differences(earlier, now, part.system.indifferent):
                    raise UserError(_message(cell, place, found))


def texts(config: Mapping[str, Any]) -> dict[str, str]:
    """A configuration as the store keeps it."""
    return {name: parameter(value) for name, value in flatten(config).items()}


def differences(
    one: Mapping[str, str], other: Mapping[str, str], besides: Collection[str] = ()
) -> list[Difference]:
    """Where two flat configurations differ, sorted by field."""
    fields = sorted({*one, *other}.difference(besides))
    return [
        (name, one.get(name, "-"), other.get(name, "-"))
        for name in fields
        if one.get(name) != other.get(name)
    ]


def _earlier(
    cell: Cell, runs: Path, folders: Collection[str], known: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, Mapping[str, str]]]:
    if cell.id in known:
        yield "its finished run in the tracking store", known[cell.id]
    if cell.id in folders:
        file = runs / cell.id / "config.json"
        config = read_json(file)
        if isinstance(config, dict):
            yield str(file), texts(config)


def _message(cell: Cell, place: str, found: Sequence[Difference]) -> str:
    rows = [f"  {name}: was {was}, is {now}" for name, was, now in found]
    return "\n".join(
        [
            f"cell {cell.id} ({cell.name}) was run with another configuration under the same id: {place}",
            *rows,
            "A default or a rule changed without changing ids. Raise the system's schema version or code epoch",
            "(new ids), take the change back, or choose another --runs folder and --tracking-uri.",
        ]
    )
