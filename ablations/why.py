"""`ablate why`: what differs between two cells, from the run folder and the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ablations import tracking
from ablations.drift import Difference, differences, texts
from ablations.errors import UserError
from ablations.files import read_json

if TYPE_CHECKING:
    from rich.console import Console

_FROM_RUN = {"stages": ("stage.",), "versions": ("version.", "git.")}


@dataclass(frozen=True)
class Known:
    """What is known of a cell: its settings, and by section what its run says."""

    id: str
    name: str
    sections: Mapping[str, Mapping[str, str]]


def show(one: str, other: str, runs: Path, tracking_uri: str, console: Console) -> None:
    """Print what differs between two cells, named by their ids or how these begin.

    Raises:
        UserError: a beginning that is that of no cell, or of several.
    """
    from rich.table import Table
    from rich.text import Text

    left, right = (find(start, runs, tracking_uri) for start in (one, other))
    table = Table("differs")
    for cell in (left, right):
        table.add_column(Text(f"{cell.name}\n{cell.id}"))
    for section, found in compare(left, right).items():
        table.add_section()
        table.add_row(Text(section, style="bold"))
        for field, was, now in found:
            table.add_row(*map(Text, (f"  {field}", was, now)))
    if table.row_count:
        console.print(table)
    elif left.id == right.id:
        console.print("Both are the same cell.")
    if left.id != right.id and not differences(left.sections["settings"], right.sections["settings"]):
        console.print(
            "The settings are the same; the ids differ by what is not among them: the versions of world,"
            " training or evaluation, or the files that are read."
        )


def compare(left: Known, right: Known) -> dict[str, list[Difference]]:
    """Section -> what differs there; sections that agree, or that one cell lacks, are left out."""
    found = {
        name: differences(left.sections[name], right.sections[name])
        for name in left.sections
        if left.sections[name] and right.sections[name]
    }
    return {name: rows for name, rows in found.items() if rows}


def find(start: str, runs: Path, tracking_uri: str) -> Known:
    """The one cell whose id begins with `start`."""
    if not start.isalnum():
        raise UserError(f"'{start}' is no id of a cell; ids are hexadecimal, see `ablate plan`")
    folders = {file.parent.name: file for file in runs.glob(f"{start}*/config.json")}
    known = {run.cell_id: run for run in tracking.cells_beginning(tracking_uri, start)}
    ids = sorted({*folders, *known})
    if len(ids) != 1:
        raise UserError(
            f"'{start}' must begin the id of one cell in {runs} or {tracking_uri}; found:"
            f" {', '.join(ids) or 'none'}"
        )
    run, config = known.get(ids[0]), read_json(folders[ids[0]]) if folders else None
    settings = texts(config) if config is not None else run.params if run else {}
    sections: dict[str, Mapping[str, str]] = {"settings": settings}
    for name, starts in _FROM_RUN.items():
        sections[name] = {tag: run.tags[tag] for tag in run.tags if tag.startswith(starts)} if run else {}
    metrics = run.metrics if run else {}
    sections["facts"] = {name: f"{metrics[name]:,.6g}" for name in metrics if name.startswith("fact.")}
    return Known(ids[0], run.name if run else ids[0], sections)
