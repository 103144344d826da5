"""A lane: takes tasks whose needs are met, one after another, and works each from start to finish."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib import import_module
from pathlib import Path

from ablations import tracking
from ablations.cell import Cell
from ablations.files import lease, read_json, write_json
from ablations.recorder import Recorder
from ablations.secrets import hidden, kept, masked
from ablations.study import Study
from ablations.system import CellFailed, Context, Interrupted, Stage, System
from ablations.trial import Pruned
from ablations.trial import finished as told
from ablations.trial import watched as on_trial
from ablations.watchdog import watched
from ablations.work import Task, Work

MAX_ATTEMPTS = 3
"""How often a task may kill its lane before it counts as failed."""
_PAUSE = 0.3
_LOG_LINES = 50


@kept()
def start(plan_file: str, threads: int, device: str | None) -> None:
    """What submitit calls on the machine a lane lands on."""
    limit(threads, device)
    sys.path.insert(0, os.getcwd())
    lane(Work.read(Path(plan_file)))


def limit(threads: int, device: str | None = None) -> None:
    """Set threads and GPU of this process, which works alone; only what is imported afterwards is sure to heed it."""
    for name in ("RANK", "WORLD_SIZE"):  # of a launcher around this one
        os.environ.pop(name, None)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device


def lane(work: Work, only: Collection[str] | None = None) -> None:
    """Work on a plan, or on the tasks `only` of it, until nothing is left that this lane could do."""
    tasks = [task for task in work.tasks if only is None or task["id"] in only]
    while not work.stopping() and not work.superseded():
        if not any(_take(task, work) for task in tasks if work.ready(task)):
            if all(map(work.settled, tasks)):
                return
            time.sleep(_PAUSE)


def study_of(task: Task, work: Work) -> Study:
    """The study whose system does the task."""
    module, _, attribute = work.sweep(task)["target"].partition(":")
    return getattr(import_module(module), attribute)


def _take(task: Task, work: Work) -> bool:
    """Lease a task and do it; False if another lane was faster."""
    with lease(work.folder(task) / "lease.json") as mine:
        if not mine or work.settled(task):
            return False
        _do(task, work)
        return True


def _do(task: Task, work: Work) -> None:
    """One task, its log, and its end whatever it is."""
    folder = work.folder(task)
    (folder / "failed.json").unlink(missing_ok=True)
    with _log_to(folder / "cell.log"), watched(work, task) as alive:
        if _attempts(folder, work.launch) > MAX_ATTEMPTS:
            reason = f"its worker died {MAX_ATTEMPTS} times (killed, or out of memory?)"
            work.fail(task, reason)
            if task["kind"] == "cell":
                with contextlib.suppress(Exception):  # the store may be away; the launcher says it at the end
                    tracking.reap(work.about["tracking_uri"], {task["id"]: reason}, interrupted=False)
        elif task["kind"] == "stage":
            _stage(task, work, study_of(task, work).system(), alive)
        else:
            _cell(task, work, study_of(task, work), alive)
    if work.stopping():  # asked to go: that is no death
        (folder / "attempts.json").unlink(missing_ok=True)


def _attempts(folder: Path, launch: str) -> int:
    """How often this launch has begun the task, this time included."""
    earlier = read_json(folder / "attempts.json") or {}
    count = earlier.get(launch, 0) + 1
    write_json(folder / "attempts.json", {launch: count})
    return count


def _stage(task: Task, work: Work, system: System, alive: Callable[[str], None]) -> None:
    stage, folder = Stage(**task["payload"]), work.folder(task)
    recorder = Recorder(folder, work.stopping, alive)
    try:
        if not system.stage_ready(stage, folder):  # another sweep may have made it since the plan
            system.run_stage(stage, Context(folder, {}, recorder.report, work.stopping))
    except Interrupted as reason:
        print(reason)
    except Exception as error:
        _print_error()
        work.fail(task, _reason(error, folder))
    else:
        write_json(folder / "finished.json", {"seconds": recorder.seconds()})


def _cell(task: Task, work: Work, study: Study, alive: Callable[[str], None]) -> None:
    """A cell from its run's beginning to its end; the store may be away for a while."""
    cell, folder = Cell(**task["payload"]["cell"]), work.folder(task)
    write_json(folder / "config.json", cell.config)
    recorder, run_id = Recorder(folder, work.stopping, alive), None
    try:
        known = recorder.deliver(lambda: tracking.cells(work.about["tracking_uri"], [cell.id]))
        if known and known[0].status == "FINISHED":  # its worker died before it could write that down here
            return _finished(task, work, known[0].run_id, known[0].seconds, known[0].metrics)
        run_id = recorder.deliver(lambda: _begin(cell, task, work, study))
        recorder.send = lambda points: tracking.log_steps(work.about["tracking_uri"], run_id, points)
        outcome = study.system().run_cell(cell.config, _context(task, work, recorder))
        recorder.flush()
        spent = recorder.seconds()
        recorder.deliver(lambda: tracking.finish_cell(work.about["tracking_uri"], run_id, outcome, spent))
    except Interrupted as reason:
        print(reason)
        _close(run_id, work, recorder, str(reason), "", interrupted=True)
    except Exception as error:
        if run_id is not None and _ends_a_trial(error, task):
            return _prune(run_id, task, work, recorder, str(error))
        _print_error()
        log = "\n".join((folder / "cell.log").read_text().splitlines()[-_LOG_LINES:])
        _close(run_id, work, recorder, _reason(error, folder), log, interrupted=False)
        work.fail(task, _reason(error, folder))
    else:
        _finished(task, work, run_id, spent, outcome.metrics)


def _finished(task: Task, work: Work, run_id: str, seconds: float, metrics: Mapping[str, float]) -> None:
    """The store has all of a cell: its search is told, its folder says so, and its checkpoints can go."""
    folder = work.folder(task)
    if trial := task["payload"].get("trial"):
        told(trial, metrics)
    write_json(folder / "finished.json", {"run_id": run_id, "seconds": seconds})
    for checkpoint in folder.glob("*.ckpt"):
        checkpoint.unlink(missing_ok=True)


def _begin(cell: Cell, task: Task, work: Work, study: Study) -> str:
    sweep = work.sweep(task)
    place = (work.about["tracking_uri"], sweep["suite"], study, task["sweep"], sweep["parent"])
    return tracking.begin_cell(*place, cell, task["payload"]["stages"])


def _context(task: Task, work: Work, recorder: Recorder) -> Context:
    stages = {name: work.runs / "stages" / stage for name, stage in task["payload"]["stages"].items()}
    trial = task["payload"].get("trial")
    report = on_trial(recorder.report, trial) if trial else recorder.report
    return Context(work.folder(task), stages, report, work.stopping)


def _ends_a_trial(error: Exception, task: Task) -> bool:
    """Pruned, or a value with which the system cannot train, which answers the search as well."""
    return isinstance(error, Pruned | CellFailed) and "trial" in task["payload"]


def _prune(run_id: str, task: Task, work: Work, recorder: Recorder, reason: str) -> None:
    """End a trial early. The store says so first: that is where its search looks."""
    print(f"pruned: {reason}")
    try:
        recorder.flush()
        search = Path(task["payload"]["trial"]["journal"]).stem
        recorder.deliver(lambda: tracking.prune_cell(work.about["tracking_uri"], run_id, reason, search))
    except Exception as error:  # it stays open and is taken up again
        print(f"tracking store: {error}")
        _close(run_id, work, recorder, str(error), "", interrupted=True)
    else:
        write_json(work.folder(task) / "pruned.json", {"run_id": run_id, "reason": hidden(reason)})


def _close(
    run_id: str | None, work: Work, recorder: Recorder, reason: str, log: str, *, interrupted: bool
) -> None:
    """End a run that did not finish. The store may be what failed; the folder says it in any case."""
    if run_id is not None:
        with contextlib.suppress(Exception):
            recorder.send_all()
            tracking.fail_cell(work.about["tracking_uri"], run_id, reason, log, interrupted=interrupted)


def _print_error() -> None:
    with contextlib.suppress(OSError):  # the log's disk may be what is full
        print(traceback.format_exc())


def _reason(error: BaseException, folder: Path) -> str:
    if _disk_is_full(error):
        return f"no space left in {folder}: free some; the same command goes on from the last checkpoint"
    return str(error) if isinstance(error, CellFailed) else f"{type(error).__name__}: {error}"


def _disk_is_full(error: BaseException | None) -> bool:
    """Whether that is behind an error, or behind those that libraries made of it."""
    if error is None:
        return False
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    return (
        full or os.strerror(errno.ENOSPC) in str(error) or _disk_is_full(error.__cause__ or error.__context__)
    )


@contextlib.contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """Everything printed, warned or logged while a task runs goes to its log, less the secrets."""
    log = masked(path)
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    try:
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            yield
    finally:
        logging.getLogger().removeHandler(handler)
        with contextlib.suppress(OSError):  # what a full disk did not take
            log.close()
