"""Run a plan: declare the sweep, drive the lanes, close what was left open, say how it ended."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations import interrupts, lanes, studies, tracking
from ablations.errors import UserError
from ablations.files import holder, lease, write_json
from ablations.plan import Plan
from ablations.progress import Progress
from ablations.study import Study
from ablations.sweep import Sweep
from ablations.work import Work

if TYPE_CHECKING:
    from rich.console import Console

INTERRUPTED = 130


def sweep_id(study: Study, sweep: Sweep, plan: Plan) -> str:
    """A sweep is its study, its name, its scale and its cells."""
    text = json.dumps([study.name, sweep.name, sweep.scale, sorted(cell.id for cell in plan.cells)])
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def run(study: Study, sweep: Sweep, plan: Plan, runs: Path, console: Console) -> int:
    """Run what is left of a plan; 0 if every cell is finished, 1 if some failed, 130 if interrupted.

    A sweep of which nothing is left is written down for the reports, once.

    Raises:
        UserError: the same sweep is already being run, or this machine cannot launch it.
    """
    key, uri = sweep_id(study, sweep, plan), tracking.default_uri()
    if not plan.tasks:
        if key not in {found.declaration.get("id") for found in tracking.sweeps(uri, study.name)}:
            tracking.end_sweep(uri, _declare(uri, study, sweep, plan, key))
        return 0
    lanes.check(sweep.launch)
    folder = runs.absolute() / "sweeps" / key
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with lease(folder / "launcher.json") as mine:
        if not mine:
            other = holder(folder / "launcher.json") or {}
            where = f"process {other.get('pid')} on {other.get('host')}"
            raise UserError(
                f"this sweep is already running: {where}.\n  watch it: ablate status --runs {runs}"
            )
        parent = _declare(uri, study, sweep, plan, key)
        work = _lay_out(folder, plan, {"sweep": key, "parent": parent, "tracking_uri": uri}, study, sweep)
        code = _drive(sweep.launch, work, console)
        _close(uri, parent, work, code, console)
        return code


def _declare(uri: str, study: Study, sweep: Sweep, plan: Plan, key: str) -> str:
    """Write down in the store what will be run, before it runs; the id of the parent run."""
    declared: dict[str, Any] = {"id": key, "name": sweep.name, "scale": sweep.scale}
    declared |= {"seeds": list(sweep.seeds), "set": dict(sweep.set)}
    declared |= {"axes": {name: list(values) for name, values in sweep.axes.items()}}
    declared |= {"file": Path(sweep.lines.file).read_text()}
    return tracking.begin_sweep(uri, sweep.suite, study, declared, plan.cells)


def _lay_out(folder: Path, plan: Plan, about: Mapping[str, Any], study: Study, sweep: Sweep) -> Work:
    """plan.json and a folder for every task, without the marks of earlier launches."""
    names = ("kind", "id", "name", "needs", "seconds", "payload")
    tasks = [{name: getattr(task, name) for name in names} for task in plan.tasks]
    shared = {
        "target": studies.target(study.name),
        "suite": sweep.suite,
        "workers": lanes.workers(sweep.launch),
    }
    write_json(folder / "plan.json", {**about, **shared, "launch_id": uuid.uuid4().hex, "tasks": tasks})
    work = Work.read(folder / "plan.json")
    work.stop.unlink(missing_ok=True)
    for task in work.tasks:
        place = work.folder(task)
        place.mkdir(parents=True, exist_ok=True)
        if (place / "finished.json").exists():  # finished once, but the plan says that the result is gone
            (place / "progress.json").unlink(missing_ok=True)
        for mark in ("finished.json", "failed.json"):
            (place / mark).unlink(missing_ok=True)
    return work


def _drive(launch: Mapping[str, Any], work: Work, console: Console) -> int:
    gave_up = ""
    with Progress(work, console) as progress, interrupts.asking(work.stop, progress.note):
        try:
            gave_up = lanes.drive(launch, work, progress)
        except KeyboardInterrupt:
            progress.note("killed")
    return _summary(work, gave_up, console)


def _close(uri: str, parent: str, work: Work, code: int, console: Console) -> None:
    """End the runs of dead lanes and that of the sweep."""
    cells = [task for task in work.tasks if task["kind"] == "cell"]
    stopped = {task["id"]: "its worker is gone" for task in cells if work.state(task) == "interrupted"}
    failed = {task["id"]: work.reason(task) or "" for task in cells if work.state(task) == "failed"}
    try:
        tracking.reap(uri, stopped)
        tracking.reap(uri, failed, interrupted=False)
        tracking.end_sweep(uri, parent, {0: "FINISHED", INTERRUPTED: "KILLED"}.get(code, "FAILED"))
    except Exception as error:
        if not tracking.is_passing(error):
            raise
        console.print(f"The tracking store is away; the sweep's run stays open there: {error}", markup=False)


def _summary(work: Work, gave_up: str, console: Console) -> int:
    bad = [task for task in work.tasks if work.state(task) != "finished"]
    if not bad:
        return 0
    again = shlex.join(["ablate", *sys.argv[1:]])
    if work.stop.exists():
        console.print("[yellow]Interrupted.[/] The same command goes on from the last checkpoints:")
        console.print(f"  {again}", markup=False, highlight=False, soft_wrap=True)
        return INTERRUPTED
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        "failed", "reason", "log", title=f"{len(bad)} of {len(work.tasks)} tasks failed", title_style="red"
    )
    for task in bad:
        why = work.reason(task) or ("not done" if work.state(task) == "interrupted" else "not begun")
        table.add_row(task["name"], escape(why), f"ablate logs {task['id'][:8]}")
    console.print(table)
    if gave_up:
        console.print(gave_up, markup=False, highlight=False)
    console.print("Finished cells are kept; this tries the others once more:")
    console.print(f"  {again}", markup=False, highlight=False, soft_wrap=True)
    return 1
