"""Run a plan: declare its sweeps, drive the lanes, close what was left open, say how it ended."""

from __future__ import annotations

import hashlib
import shlex
import sys
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations import attach, interrupts, lanes, preflight, studies, tracking
from ablations.errors import UserError
from ablations.files import holder, lease, write_json
from ablations.part import Part
from ablations.plan import Plan
from ablations.progress import Progress
from ablations.secrets import hidden
from ablations.watchdog import HANG_MINUTES
from ablations.work import Work

if TYPE_CHECKING:
    from rich.console import Console

INTERRUPTED = 130
ENDED = ("finished", "pruned")


def plan_id(plan: Plan) -> str:
    """A plan of one sweep has its id, one of several has an id over theirs."""
    keys = [part.key for part in plan.parts]
    return keys[0] if len(keys) == 1 else hashlib.blake2b("".join(keys).encode(), digest_size=6).hexdigest()


def run(plan: Plan, launch: Mapping[str, Any], runs: Path, console: Console) -> int:
    """Run what is left of a plan; 0 if every cell is finished, 1 if some failed, 130 if interrupted.

    A sweep of which nothing is left is written down for the reports, once.

    Raises:
        UserError: the same plan is already being run, its folders are another user's, or this machine
            cannot launch it.
    """
    uri = tracking.default_uri()
    if not plan.tasks:
        _declare(uri, plan)
        return 0
    lanes.check(launch)
    folder = runs.absolute() / "sweeps" / plan_id(plan)
    _make_folders(folder, plan)
    watched = False
    while True:
        with lease(folder / "launcher.json") as mine:
            if mine:
                return _run(plan, launch, folder, uri, console, going_on=watched)
        if launch.get("executor") != "slurm":
            other = holder(folder / "launcher.json") or {}
            where = f"process {other.get('pid')} on {other.get('host')}"
            raise UserError(
                f"this sweep is already running: {where}.\n  watch it: ablate status --runs {runs}"
            )
        watched = True
        if (code := attach.watch(folder, console)) is not None:
            return code


def _make_folders(folder: Path, plan: Plan) -> None:
    """That of the sweep, in which lies what its workers run and which is closed to others; and that of every task."""
    preflight.make(folder, 0o700)
    work = Work(folder / "plan.json", {}, [])
    for task in plan.tasks:
        preflight.make(work.folder({"kind": task.kind, "id": task.id}))


def _run(
    plan: Plan, launch: Mapping[str, Any], folder: Path, uri: str, console: Console, *, going_on: bool
) -> int:
    """Launch, or go on with what runs on the cluster already (`going_on`: has been seen doing so)."""
    work = attach.running(folder, going_on) if launch.get("executor") == "slurm" else None
    if work is None:
        begun = _declare(uri, plan)
        work = _lay_out(folder, plan, begun, {"tracking_uri": uri, **_settings(launch)})
    else:
        console.print("Attached to the sweep that is on the cluster.", highlight=False)
        begun = work.parents
    if launch.get("executor") == "slurm":
        code = attach.follow(launch, work, console)
        if code is not None:
            return code
        code = _summary(work, "", console)
    else:
        code = _drive(launch, work, console)
    _close(uri, plan, begun, work, code, console)
    return code


def _settings(launch: Mapping[str, Any]) -> dict[str, Any]:
    """What lanes have to know. A cell inside the launcher is not watched: to end it would end everything."""
    inline = launch.get("executor") == "inline"
    silence = None if inline else launch.get("hang_minutes", HANG_MINUTES)
    return {"workers": lanes.workers(launch), "hang_minutes": silence}


def _declare(uri: str, plan: Plan) -> dict[str, str]:
    """Write down in the store what will be run, before it runs; the parent run of each part with work left.

    A part of which nothing is left is written down if it never was with all that it came to.
    """
    left = {key for task in plan.tasks for key in task.sweeps}
    done = [part for part in plan.parts if part.key not in left]
    known = {found.declaration.get("id"): found.declaration for found in tracking.sweeps(uri)} if done else {}
    new = [part for part in done if part.key not in known or not _is_current(known[part.key], part)]
    if new:
        tracking.end_sweeps(uri, {_begin(uri, part): "FINISHED" for part in new})
    return {part.key: _begin(uri, part) for part in plan.parts if part.key in left}


def _is_current(declared: Mapping[str, Any], part: Part) -> bool:
    """Whether the study has been written down as it is now, and a search with all that it came to."""
    if declared["study"] != part.study.declaration():
        return False
    return part.round is None or declared["search"]["ended"] == part.round.done


def _begin(uri: str, part: Part) -> str:
    sweep = part.sweep
    declared: dict[str, Any] = {"id": part.key, "name": sweep.name, "scale": sweep.scale}
    declared |= {"seeds": list(sweep.seeds), "set": dict(sweep.set)}
    declared |= {"axes": {name: list(values) for name, values in sweep.axes.items()}}
    declared |= {"file": Path(sweep.lines.file).read_text()}
    if sweep.search is not None and part.round is not None:
        about = {"planned": part.round.planned, "ended": part.round.done, "pruned": list(part.round.pruned)}
        declared["search"] = asdict(sweep.search) | about
    return tracking.begin_sweep(uri, sweep.suite, part.study, declared, part.cells)


def _lay_out(folder: Path, plan: Plan, begun: Mapping[str, str], about: Mapping[str, Any]) -> Work:
    """plan.json, and the folder of every task without the marks of earlier launches.

    A task's `sweep` is the part that has its run; `sweeps` says for each where its study is declared.
    """
    names = ("kind", "id", "name", "needs", "seconds", "payload")
    tasks = [{name: getattr(task, name) for name in names} | {"sweep": task.sweeps[0]} for task in plan.tasks]
    sweeps = {
        part.key: {
            "target": studies.target(part.study.name),
            "suite": part.sweep.suite,
            "name": part.sweep.name,
            "parent": begun[part.key],
        }
        for part in plan.parts
        if part.key in begun
    }
    launched = {"id": folder.name, "launch_id": uuid.uuid4().hex, "sweeps": sweeps}
    write_json(folder / "plan.json", {**about, **launched, "tasks": tasks})
    work = Work.read(folder / "plan.json")
    work.stop.unlink(missing_ok=True)
    for task in work.tasks:
        place = work.folder(task)
        if (place / "finished.json").exists():  # finished once, but the plan says that the result is gone
            (place / "progress.json").unlink(missing_ok=True)
        for mark in ("finished.json", "failed.json", "pruned.json"):
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


def _close(uri: str, plan: Plan, begun: Mapping[str, str], work: Work, code: int, console: Console) -> None:
    """End the runs of dead lanes and those of the sweeps."""
    cells = [task for task in work.tasks if task["kind"] == "cell"]
    states = {task["id"]: work.state(task) for task in cells}
    stopped = {key: "its worker is gone" for key, state in states.items() if state == "interrupted"}
    failed = {task["id"]: work.reason(task) or "" for task in cells if states[task["id"]] == "failed"}
    try:
        tracking.reap(uri, stopped)
        tracking.reap(uri, failed, interrupted=False)
        otherwise = "KILLED" if code == INTERRUPTED else "FAILED"
        ended = {}
        for part in plan.parts:
            if part.key in begun:
                whole = all(states.get(cell.id, "finished") in ENDED for cell in part.cells)
                ended[begun[part.key]] = "FINISHED" if whole else otherwise
        tracking.end_sweeps(uri, ended)
    except Exception as error:
        if not tracking.is_trouble(error):
            raise
        told = f"The tracking store is away or refuses; the sweep's run stays open: {hidden(str(error))}"
        console.print(told, markup=False)


def _summary(work: Work, gave_up: str, console: Console) -> int:
    bad = [task for task in work.tasks if work.state(task) not in ENDED]
    if not bad:
        return 0
    again = hidden(shlex.join(["ablate", *sys.argv[1:]]))
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
