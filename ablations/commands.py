"""What the subcommands of `ablate` do, once their options are read."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ablations import grid, plan_view, preflight, studies, sweep
from ablations import plan as plans
from ablations.errors import UserError
from ablations.plan import Plan
from ablations.study import Study
from ablations.sweep import Sweep


@dataclass(frozen=True)
class Order:
    """A study, a sweep file, and what the command line puts in the place of the file's settings."""

    study: str
    grid: Path
    seeds: str | None
    scale: str | None
    set: Sequence[str]
    launch: Mapping[str, Any]
    runs: Path
    tracking_uri: str


def given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def run(order: Order) -> int:
    """Run what is left of a sweep, then print results and verdicts. Returns the exit code."""
    console = Console()
    study, wanted, todo = _prepare(order)
    code = 0
    if todo.tasks:
        from ablations import launch

        code = launch.run(study, wanted, todo, order.runs, console)
    else:
        console.print(f"Nothing to do: all {len(todo.cells)} cells are finished.", highlight=False)
    from reports.terminal import print_results

    print_results(study.name, order.tracking_uri, console)
    return code


def plan(order: Order, as_json: bool) -> int:
    """Print the plan of a sweep; start nothing."""
    _, wanted, todo = _prepare(order)
    workers = _workers(wanted)
    if as_json:
        facts = todo.as_json() | {"workers": workers, "wall": todo.wall(workers)}
        print(json.dumps(facts, indent=2))
    else:
        plan_view.show(todo, workers, Console())
    return 0


def list_studies() -> None:
    """Print every study with its question, axes and claims."""
    table = Table("study", "question", "axes", "claims", show_lines=True)
    for study in map(studies.get, studies.names()):
        axes = "\n".join(axis.field for axis in study.axes)
        table.add_row(study.name, study.question, axes, "\n".join(claim.name for claim in study.claims))
    Console().print(table)
