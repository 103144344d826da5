"""A lane: takes tasks whose needs are met, one after another, and works each from start to finish."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ablations import tracking
from ablations.cell import Cell
from ablations.files import lease, read_json, state, write_json
from ablations.recorder import Recorder
from ablations.study import Study
from ablations.system import CellFailed, Context, Interrupted, Stage

_PAUSE = 0.5
_LOG_LINES = 50
MAX_ATTEMPTS = 3


def lane(plan_file: Path) -> None:
    """Work on a plan until nothing is left that this lane could do."""
    plan = read_json(plan_file)
    runs, stop = plan_file.parents[2], plan_file.parent / "stop"
    study = _study(plan["target"])
    while not stop.exists():
        ready = [task for task in plan["tasks"] if _ready(task, runs, plan)]
        if not ready:
            if all(_settled(task, runs, plan) for task in plan["tasks"]):
                return
            time.sleep(_PAUSE)
            continue
        for task in ready:
            folder = task_folder(runs, task)
            with lease(folder / "lease.json") as mine:
                if mine and not _settled(task, runs, plan):
                    _work(task, folder, runs, plan, study, stop)
                    break


def task_folder(runs: Path, task: Mapping[str, Any]) -> Path:
    """Where a cell or stage lives."""
    return runs / "stages" / task["id"] if task["kind"] == "stage" else runs / task["id"]


def _study(target: str) -> Study:
    from importlib import import_module

    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def _ready(task: Mapping[str, Any], runs: Path, plan: Mapping[str, Any]) -> bool:
    if state(task_folder(runs, task)) == "running" or _settled(task, runs, plan):
        return False
    return all((runs / "stages" / need / "finished.json").exists() for need in task["needs"])


def _settled(task: Mapping[str, Any], runs: Path, plan: Mapping[str, Any]) -> bool:
    """Finished, failed under this launch, or waiting for a stage that failed."""
    folder = task_folder(runs, task)
    if (folder / "finished.json").exists():
        return True
    failed = read_json(folder / "failed.json")
    if failed is not None and failed["launch"] == plan["launch_id"]:
        return True
    marks = [read_json(runs / "stages" / need / "failed.json") for need in task["needs"]]
    return any(mark is not None and mark["launch"] == plan["launch_id"] for mark in marks)


def _work(
    task: Mapping[str, Any], folder: Path, runs: Path, plan: Mapping[str, Any], study: Study, stop: Path
) -> None:
    """One task, its log, and its end whatever it is."""
    (folder / "failed.json").unlink(missing_ok=True)
    attempts = read_json(folder / "attempts.json") or {}
    attempts = {plan["launch_id"]: attempts.get(plan["launch_id"], 0) + 1}
    write_json(folder / "attempts.json", attempts)
    if attempts[plan["launch_id"]] > MAX_ATTEMPTS:
        reason = f"its worker died {MAX_ATTEMPTS} times (killed, or out of memory?)"
        write_json(folder / "failed.json", {"reason": reason, "launch": plan["launch_id"]})
        return
    with _log_to(folder / "cell.log"):
        if task["kind"] == "stage":
            _stage(task, folder, plan, study, stop)
        else:
            _cell(task, folder, runs, plan, study, stop)


def _stage(task: Mapping[str, Any], folder: Path, plan: Mapping[str, Any], study: Study, stop: Path) -> None:
    stage = Stage(**task["payload"])
    recorder = Recorder(folder)
    try:
        study.system().run_stage(stage, Context(folder, {}, recorder.report, stop.exists))
    except Interrupted as reason:
        print(reason)
    except Exception as error:
        print(traceback.format_exc())
        write_json(folder / "failed.json", {"reason": _reason(error), "launch": plan["launch_id"]})
    else:
        write_json(folder / "finished.json", {"seconds": recorder.elapsed()})


def _cell(
    task: Mapping[str, Any], folder: Path, runs: Path, plan: Mapping[str, Any], study: Study, stop: Path
) -> None:
    cell, stages = Cell(**task["payload"]["cell"]), task["payload"]["stages"]
    write_json(folder / "config.json", cell.config)
    uri, run_id = plan["tracking_uri"], None
    recorder = Recorder(folder, lambda points: tracking.log_steps(uri, run_id, points))
    folders = {name: runs / "stages" / stage for name, stage in stages.items()}
    try:
        run_id = recorder.deliver(
            lambda: tracking.begin_cell(uri, plan["suite"], study, plan["sweep"], plan["parent"], cell, stages)
        )
        outcome = study.system().run_cell(cell.config, Context(folder, folders, recorder.report, stop.exists))
        recorder.flush()
        recorder.deliver(lambda: tracking.finish_cell(uri, run_id, outcome))
    except Interrupted as reason:
        print(reason)
        recorder.flush()
        tracking.fail_cell(uri, run_id, str(reason), "", interrupted=True)
    except Exception as error:
        print(traceback.format_exc())
        log = "\n".join((folder / "cell.log").read_text().splitlines()[-_LOG_LINES:])
        with contextlib.suppress(Exception):  # the store may be what failed; the folder says it in any case
            tracking.fail_cell(uri, run_id, _reason(error), log)
        write_json(folder / "failed.json", {"reason": _reason(error), "launch": plan["launch_id"]})
    else:
        write_json(folder / "finished.json", {"run_id": run_id, "seconds": recorder.elapsed()})
        for name in ("last.ckpt", "previous.ckpt"):
            (folder / name).unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, CellFailed) else f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """Everything printed, warned or logged while a task runs goes to its log."""
    with open(path, "a", buffering=1) as log, contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        handler = logging.StreamHandler(log)
        logging.getLogger().addHandler(handler)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(handler)


def main() -> None:
    """Run a lane from the command line, as a scheduler does."""
    parser = argparse.ArgumentParser(description="Work on a plan until nothing is left.")
    parser.add_argument("plan", type=Path)
    lane(parser.parse_args().plan)


def start(plan_file: str, threads: int, device: int | None) -> None:
    """What submitit calls on the machine a lane lands on: set its threads and GPU before torch is imported."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the launcher's to handle
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(device)
    sys.path.insert(0, os.getcwd())
    lane(Path(plan_file))


if __name__ == "__main__":
    main()
