"""Sweeps and suites: planned, run and cancelled from the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ablations import (
    defaults,
    drift,
    lanes,
    launch,
    plan_view,
    preflight,
    profiles,
    search,
    slurm,
    suite,
    tracking,
)
from ablations import plan as plans
from ablations.commands import reporting
from ablations.errors import UserError
from ablations.part import Part
from ablations.plan import Plan
from ablations.secrets import hidden


@dataclass(frozen=True)
class Order:
    """A study and its sweep, or `all` and a suite, and what the command line puts in place of the settings."""

    study: str
    grid: Path
    seeds: str | None
    scale: str | None
    set: Sequence[str]
    launch: Mapping[str, Any]
    runs: Path
    tracking_uri: str
    only: Sequence[str] = ()


def given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def settings(profile: str | None, **options: Any) -> dict[str, Any]:
    """Launch settings of the command line: a site's profile, and over it the options that were given."""
    return {**(profiles.read(profile) if profile else {}), **given(**options)}


def run(order: Order) -> int:
    """Run what is left of a sweep or suite, then print results and verdicts. Returns the exit code."""
    console = Console()
    todo, settings = prepare(order)
    if len(todo.parts) > 1:
        for line in plan_view.summary(todo, lanes.workers(settings)):
            console.print(line, highlight=False)
    if not todo.tasks:
        console.print(f"Nothing to do: all {len(todo.cells)} cells are finished.", highlight=False)
    todo, code = _rounds(order, todo, settings, console)
    if code != launch.INTERRUPTED:
        for part in todo.parts:
            _print_results(part, order.tracking_uri, console)
    return code


def _rounds(order: Order, todo: Plan, settings: Mapping[str, Any], console: Console) -> tuple[Plan, int]:
    """Run a plan and, where it searches, round after round until every trial has ended; the last plan."""
    code, begun = launch.run(todo, settings, order.runs, console), {task.id for task in todo.tasks}
    while begun and code != launch.INTERRUPTED and any(part.round for part in todo.parts):
        todo, settings = prepare(order)
        again = {task.id for task in todo.tasks}
        if begun & again:  # what failed waits for the next launch
            break
        code = max(code, launch.run(todo, settings, order.runs, console))
        if not again:
            break
        begun |= again
    return todo, code


def _print_results(part: Part, tracking_uri: str, console: Console) -> None:
    cells = [cell.id for cell in part.cells]
    try:
        reporting.installed().print_results(part.study.name, tracking_uri, console, cells)
    except UserError as nothing:  # every cell failed: that is what the exit code says
        console.print(str(nothing), highlight=False)
    except Exception as error:
        if not tracking.is_trouble(error):
            raise
        console.print(
            f"No results, the tracking store does not give them: {hidden(str(error))}", markup=False
        )


def plan(order: Order, as_json: bool) -> int:
    """Print the plan of a sweep or suite; start nothing."""
    todo, settings = prepare(order, search.preview)
    team = lanes.workers(settings)
    if as_json:
        facts = todo.as_json() | {"workers": team, "wall": todo.wall(team)}
        print(json.dumps(facts, indent=2))
    else:
        plan_view.show(todo, team, Console())
        if settings.get("executor") == "slurm":
            print("\n".join(slurm.preview(todo.tasks, settings)))
    return 0


def cancel(start: str, runs: Path) -> None:
    """Stop the one sweep whose id begins with `start`, here or on the cluster."""
    from ablations import attach

    attach.cancel(start, runs, Console())


def prepare(order: Order, next_round: Callable[..., Part] = search.advance) -> tuple[Plan, Mapping[str, Any]]:
    """Plan and launch settings. Everything that can be wrong is found here, before anything is written."""
    parts, settings = suite.read(
        order.study,
        order.grid,
        scale=order.scale,
        seeds=order.seeds,
        set_=order.set,
        launch=order.launch,
        only=order.only,
    )
    preflight.check(order.runs, order.tracking_uri)
    # What workers and libraries read.
    os.environ["MLFLOW_TRACKING_URI"] = tracking.with_login(order.tracking_uri)
    team = lanes.workers(settings)
    parts = [
        next_round(part, order.runs, order.tracking_uri, team) if part.sweep.search else part
        for part in parts
    ]
    ids = list(dict.fromkeys(cell.id for part in parts for cell in part.cells))
    finished = tracking.finished(order.tracking_uri, ids)
    drift.check(parts, order.runs, finished)
    defaults.check(parts, finished, order.tracking_uri)
    durations = {run.cell_id: run.seconds for run in finished}
    return plans.make(parts, order.runs / "stages", durations, durations), settings
