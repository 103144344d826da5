"""What the subcommands of `ablate` do, once their options are read."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from ablations import (
    drift,
    lanes,
    launch,
    plan_view,
    preflight,
    profiles,
    search,
    slurm,
    studies,
    suite,
    tracking,
)
from ablations import plan as plans
from ablations.errors import UserError
from ablations.part import Part
from ablations.plan import Plan
from ablations.secrets import hidden
from ablations.tracking import CellRun

if TYPE_CHECKING:
    from ablations.advice import State


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
    todo, settings = _prepare(order)
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
        todo, settings = _prepare(order)
        again = {task.id for task in todo.tasks}
        if begun & again:  # what failed waits for the next launch
            break
        code = max(code, launch.run(todo, settings, order.runs, console))
        if not again:
            break
        begun |= again
    return todo, code


def _print_results(part: Part, tracking_uri: str, console: Console) -> None:
    from reports.terminal import print_results

    try:
        print_results(part.study.name, tracking_uri, console, [cell.id for cell in part.cells])
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
    todo, settings = _prepare(order, search.preview)
    team = lanes.workers(settings)
    if as_json:
        facts = todo.as_json() | {"workers": team, "wall": todo.wall(team)}
        print(json.dumps(facts, indent=2))
    else:
        plan_view.show(todo, team, Console())
        if settings.get("executor") == "slurm":
            print("\n".join(slurm.preview(todo.tasks, settings)))
    return 0


def list_studies() -> None:
    """Print every study with its question, axes and claims."""
    console = Console(highlight=False)
    for study in map(studies.get, studies.names()):
        console.print(f"[bold]{study.name}[/]  {study.question}")
        rows = Table.grid(padding=(0, 2))
        rows.add_row("  axes", ", ".join(f"{axis.field} ({axis.unit or axis.label})" for axis in study.axes))
        for place, claim in enumerate(study.claims):
            rows.add_row("" if place else "  claims", claim.text)
        console.print(rows)


def status(runs: Path) -> int:
    """Show what runs, what is done and what failed."""
    from ablations import status as view

    return view.show(runs, Console())


def cancel(start: str, runs: Path) -> None:
    """Stop the one sweep whose id begins with `start`, here or on the cluster."""
    from ablations import attach

    attach.cancel(start, runs, Console())


def report(names: Sequence[str], out: Path, tracking_uri: str, as_json: bool) -> None:
    """Rebuild the reports of some studies (none named: all that have runs) from MLflow alone."""
    for name in names:
        studies.target(name)
    preflight.check_tracking(tracking_uri)
    if not tracking.exists(tracking_uri):
        raise UserError(
            f"there is no tracking store at {tracking_uri}, so there is nothing to report.\n"
            "  run a study first, or name the store with --tracking-uri"
        )
    from reports import build

    if as_json:
        print(json.dumps(build.as_json(names or None, tracking_uri), indent=2))
    else:
        preflight.check_writable(out, "the report's folder", option="--out")
        written = build.build(names or None, out, tracking_uri)
        print(f"{written[0]} and {len(written) - 1} tables, figures and data beside it")


def ranking(tracking_uri: str) -> None:
    """Rank the factors of all studies that have runs."""
    preflight.check_tracking(tracking_uri)
    if not tracking.exists(tracking_uri):
        raise UserError(f"there is no tracking store at {tracking_uri}; run studies first")
    from reports.terminal import print_ranking

    print_ranking(tracking_uri, Console())


def ui(port: int, tracking_uri: str) -> int:
    """Serve the MLflow UI on the store until Ctrl-C."""
    preflight.check_tracking(tracking_uri)
    os.environ["MLFLOW_TRACKING_URI"] = tracking.with_login(tracking_uri)
    from ablations.ui import serve

    return serve(port) or 0


def logs(start: str, lines: int, runs: Path) -> None:
    """Print the end of the newest log of the one cell or stage whose id begins with `start`."""
    folders = [*runs.glob(f"{start}*"), *runs.glob(f"stages/{start}*")]
    found = [folder for folder in folders if any(folder.glob("*.log"))]
    if len(found) != 1:
        names = ", ".join(folder.name for folder in found) or "none"
        raise UserError(
            f"'{start}' must begin the id of one cell or stage with a log in {runs}; found: {names}"
        )
    newest = max(found[0].glob("*.log"), key=lambda log: log.stat().st_mtime)
    with newest.open(errors="replace") as text:
        print("".join(deque(text, maxlen=lines)), end="")


def why(one: str, other: str, runs: Path, tracking_uri: str) -> None:
    """Print what differs between two cells."""
    from ablations import why as view

    preflight.check_tracking(tracking_uri)
    view.show(one, other, runs, tracking_uri, Console())


def next_seeds(budget: str, file: Path, runs: Path, tracking_uri: str, workers: int | None) -> None:
    """Print which further seeds would settle the most undecided claims of a suite or sweep."""
    from ablations import advice, advice_view

    seconds = advice.seconds_of(budget)
    parts, settings = suite.read(suite.named(file), file, launch=given(workers=workers))
    preflight.check_tracking(tracking_uri)
    states = [_state(part, tracking_uri) for part in {part.study.name: part for part in parts}.values()]
    ids = {cell.id for s in states for o in advice.options(s) for cell in (*o.part.cells, *s.part.cells)}
    durations = {run.cell_id: run.seconds for run in _finished(tracking_uri, sorted(ids))}
    team = lanes.workers(settings)
    steps = advice.choose(states, seconds, team, runs / "stages", durations)
    advice_view.show(states, steps, seconds, team, Console())


def _state(part: Part, tracking_uri: str) -> State:
    from ablations.advice import State
    from reports import frame

    try:
        results = frame.read(part.study.name, tracking_uri, [cell.id for cell in part.cells])
    except UserError:  # it has no finished cell
        return State(part)
    same = results.scale == part.sweep.scale
    return State(part, results.verdicts, results.seeds) if same else State(part)


def export_runs(out: Path, names: Sequence[str], pictures: bool, tracking_uri: str) -> None:
    """Pack the runs of some studies (none named: of all) into one file."""
    for name in names:
        studies.target(name)
    preflight.check_tracking(tracking_uri)
    preflight.check_writable(out.absolute().parent, "the folder of the file", option="OUT")
    count = tracking.pack(tracking_uri, out, names, pictures=pictures)
    print(f"{out}: {count} runs, {out.stat().st_size / 1e6:.1f} MB")


def import_runs(file: Path, tracking_uri: str) -> None:
    """Restore packed runs into the store."""
    preflight.check_tracking(tracking_uri)
    new, known = tracking.restore(tracking_uri, file)
    print(f"{new} runs restored into {tracking_uri}" + (f"; {known} were there already" if known else ""))


def _prepare(
    order: Order, next_round: Callable[..., Part] = search.advance
) -> tuple[Plan, Mapping[str, Any]]:
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
    finished = _finished(order.tracking_uri, ids)
    drift.check(parts, order.runs, finished)
    durations = {run.cell_id: run.seconds for run in finished}
    return plans.make(parts, order.runs / "stages", durations, durations), settings


def _finished(tracking_uri: str, ids: Sequence[str]) -> list[CellRun]:
    return [run for run in tracking.cells(tracking_uri, ids) if run.status == "FINISHED"]
