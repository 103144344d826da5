"""A sweep on the cluster lives without its launcher: find it, follow it, leave it, cancel it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations import slurm, tracking
from ablations.errors import UserError
from ablations.files import holder
from ablations.progress import Progress
from ablations.secrets import hidden
from ablations.work import Work

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

DETACHED = 130
_POLL, _GRACE = 1.0, 20.0


def running(folder: Path, seen: bool) -> Work | None:
    """The launch of this sweep that has jobs on the cluster, or that was `seen` to be followed."""
    plan_file = folder / "plan.json"
    if not plan_file.exists():
        return None
    work = Work.read(plan_file)
    return work if seen or slurm.queue(work) else None


def follow(launch: Mapping[str, Any], work: Work, console: Console) -> int | None:
    """Send jobs and follow them to their end; 130 if the user stops looking, which stops nothing else."""
    try:
        with Progress(work, console) as progress:
            if why := slurm.drive(launch, work, progress):
                progress.note(why)
    except KeyboardInterrupt:
        return _left(work, console)
    return None


def watch(folder: Path, console: Console) -> int | None:
    """Look on while somebody else follows the sweep; None once nobody does."""
    plan_file, launcher = folder / "plan.json", folder / "launcher.json"
    console.print("Attached: this sweep has been launched already.", highlight=False)
    try:
        while not plan_file.exists() and holder(launcher):
            time.sleep(_POLL)
        if not plan_file.exists():
            return None
        with Progress(Work.read(plan_file), console) as progress:
            while holder(launcher):
                progress.work = Work.read(plan_file)
                progress.refresh()
                time.sleep(_POLL)
        work = Work.read(plan_file)
    except KeyboardInterrupt:
        return _left(Work.read(plan_file), console)
    if all(map(work.settled, work.tasks)):
        return int(not all(map(work.succeeded, work.tasks)))
    return DETACHED if work.stop.exists() else None


def cancel(start: str, runs: Path, console: Console) -> None:
    """Stop a sweep: the jobs that it sent, or its lanes. Its cells can be taken up again.

    Raises:
        UserError: none or several sweeps have such an id.
    """
    found = list(runs.absolute().glob(f"sweeps/{start}*/plan.json"))
    if len(found) != 1:
        names = ", ".join(path.parent.name for path in found) or "none"
        raise UserError(f"'{start}' must begin the id of one sweep in {runs}; found: {names}")
    work = Work.read(found[0])
    work.stop.touch()
    if not work.jobs():
        console.print("Asked the workers to save their cells and stop.")
        return
    count = slurm.cancel(work)
    end = time.monotonic() + _GRACE
    while slurm.queue(work) and time.monotonic() < end:
        time.sleep(0.5)
    console.print(f"Cancelled {count} SLURM jobs of sweep {work.about['id']}.", highlight=False)
    try:
        _end_runs(work)
    except Exception as error:
        if not tracking.is_trouble(error):
            raise
        told = f"The tracking store is away or refuses; its runs stay open there: {hidden(str(error))}"
        console.print(told, markup=False, highlight=False)


def _end_runs(work: Work) -> None:
    """Close the runs of the cells that were cancelled, and those of their sweeps."""
    gone = {task["id"]: "cancelled" for task in work.tasks if work.state(task) == "interrupted"}
    tracking.reap(work.about["tracking_uri"], gone)
    if not all(map(work.settled, work.tasks)):
        tracking.end_sweeps(work.about["tracking_uri"], dict.fromkeys(work.parents.values(), "KILLED"))


def _left(work: Work, console: Console) -> int:
    console.print("No longer looking; the sweep goes on on the cluster. The same command looks again.")
    console.print(f"  stop it: ablate cancel {work.about['id']}", highlight=False)
    return DETACHED
