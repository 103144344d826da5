"""A plan as SLURM job arrays: sent, looked at, cancelled. The jobs' name, made of the launch's id, finds them."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ablations.errors import UserError
from ablations.progress import Progress
from ablations.share import Share
from ablations.work import Task, Work
from ablations.worker import MAX_ATTEMPTS

WORKERS = 8
_NAMED = ("partition", "account", "qos", "gres", "constraint")
_POLL, _SOON, _WEEK, _SIGNAL = 2.0, 20.0, 7 * 24 * 60, 90
_TIMEOUTS = 1000
_TOGETHER = ["--kill-on-bad-exit=1", "--wait=60"]
"""When a task of a cell dies or rank 0 is done, the others do not wait for it for ever."""
_GIVEN_UP = {"CANCELLED": "cancelled", "OUT_OF_MEMORY": "out of memory", "TIMEOUT": "time limit reached"}


def parameters(launch: Mapping[str, Any], name: str, kind: str = "cell") -> dict[str, Any]:
    """What submitit hands to sbatch for an array of a launch; a stage is one task however many a cell has.

    The signal comes ahead of the time limit by at most a quarter of it: time to save a checkpoint.
    """
    minutes = launch.get("time_min", _WEEK)
    asked = {field: launch[field] for field in _NAMED if field in launch}
    nodes, tasks = _processes(launch) if kind == "cell" else (1, 1)
    memory = int(launch.get("mem_gb", 4) * 1024) * tasks
    size = {"cpus_per_task": launch.get("threads", 1), "mem": f"{memory}MB"}
    if nodes * tasks > 1:
        size |= {"nodes": nodes, "ntasks_per_node": tasks, "srun_args": _TOGETHER}
    limits = {"time": minutes, "signal_delay_s": min(_SIGNAL, 15 * minutes)}
    extra = {"requeue": True, "kill-on-invalid-dep": "yes"}
    return {"job_name": name, **size, **limits, **asked, "additional_parameters": extra}


def _processes(launch: Mapping[str, Any]) -> tuple[int, int]:
    """Nodes, and tasks on each, that train a cell together.

    Raises:
        UserError: they are several, and several cells are to share them.
    """
    nodes, tasks = launch.get("nodes", 1), launch.get("tasks_per_node", 1)
    if nodes * tasks > 1 and launch.get("cells_per_task", 1) > 1:
        raise UserError(
            f"launch: cells_per_task is {launch['cells_per_task']}, but a cell that is trained by"
            f" {nodes * tasks} tasks (nodes x tasks_per_node) has its job to itself: leave cells_per_task out"
        )
    return nodes, tasks


def preview(tasks: Sequence[Any], launch: Mapping[str, Any]) -> list[str]:
    """The arrays that a launch would send, for people."""
    groups = _groups([{"id": task.id, "kind": task.kind, "needs": task.needs} for task in tasks])
    bound = _bound(groups, launch)
    lines = [f"SLURM: {len(groups)} job array{'s' * (len(groups) > 1)}"]
    for members in groups:
        shares = len(_shares(members, launch))
        after = f", afterok {len(members[0]['needs'])} stages" if members[0]["needs"] else ""
        lines.append(f"  --array=0-{shares - 1}%{bound}  {len(members)} {members[0]['kind']}s{after}")
    told = parameters(launch, "ablate-<launch>")
    extra = told.pop("additional_parameters")
    told.pop("srun_args", None)
    flags = {**told, **extra, "signal": f"USR2@{told.pop('signal_delay_s')}"}
    flags.pop("signal_delay_s", None)
    return [*lines, *(f"  --{name.replace('_', '-')}={value}" for name, value in flags.items())]


def submit(work: Work, launch: Mapping[str, Any]) -> None:
    """Send everything that is not settled: stages first, what needs them `afterok`.

    Raises:
        UserError: sbatch refuses.
    """
    import submitit

    folder = work.plan_file.parent / "slurm" / uuid.uuid4().hex[:8]  # job ids may start again: never reuse
    folder.mkdir(parents=True, mode=0o700)
    left = [task for task in work.tasks if not work.settled(task)]
    groups = _groups(left)
    share = Share(str(work.plan_file), launch.get("threads", 1))
    bound = _bound(groups, launch)
    sent: dict[str, str] = {}
    largest = _largest_array()
    for members in groups:
        before = ""
        for ids in _batched(_shares(members, launch), largest):
            executor = submitit.SlurmExecutor(folder=folder, max_num_timeout=_TIMEOUTS)
            needs = sorted({sent[need] for need in members[0]["needs"] if need in sent})
            after = [f"afterok:{job}" for job in needs] + ([f"afterany:{before}"] if before else [])
            asked = parameters(launch, name(work), members[0]["kind"])
            executor.update_parameters(**asked, array_parallelism=bound)
            executor.update_parameters(**({"dependency": ",".join(after)} if after else {}))
            try:
                jobs = executor.map_array(share, list(ids))
            except submitit.core.utils.FailedJobError as refused:
                cancel(work)
                raise UserError(f"sbatch refuses this sweep: {str(refused).strip()}") from None
            sent |= {task: job.job_id for job, mine in zip(jobs, ids, strict=True) for task in mine}
            before = jobs[0].job_id.partition("_")[0]
            work.note_jobs(sent, folder)


def name(work: Work) -> str:
    """What every job of the launch is called."""
    return f"ablate-{work.launch}"


def queue(work: Work, *, patient: bool = True) -> dict[str, tuple[str, str, int]]:
    """Job id -> state, reason or node, restarts; of all jobs of the launch that SLURM has not ended."""
    form = "JobArrayID:64,State:32,ReasonList:128,RestartCnt:16"
    text = _ask("squeue", "-h", "-r", f"--name={name(work)}", "-O", form, patient=patient)
    rows = [[line[:64], line[64:96], line[96:224], line[224:]] for line in text.splitlines()]
    return {
        job.strip(): (state.strip(), why.strip(), int(count.strip() or 0)) for job, state, why, count in rows
    }


def states(work: Work) -> dict[str, str]:
    """Task id -> `queued`, `requeued` or `running`, of tasks whose job SLURM has not ended; asked once."""
    jobs = queue(work, patient=False)
    known: dict[str, str] = {}
    for task, job in work.jobs().items():
        if job in jobs:
            state, _, restarts = jobs[job]
            waiting = "requeued" if restarts else "queued"
            known[task] = waiting if state == "PENDING" else "running"
    return known


def cancel(work: Work) -> int:
    """Cancel the jobs of the launch, no others; how many there were."""
    found = len(queue(work))
    _ask("scancel", f"--name={name(work)}")
    return found


def drive(launch: Mapping[str, Any], work: Work, progress: Progress) -> str:
    """Follow the jobs; send again what a dead worker left. Why it gave up, or nothing."""
    rounds = 0
    while True:
        if not queue(work):
            _judge(work)
            if work.stop.exists() or all(map(work.settled, work.tasks)):
                return ""
            if rounds > MAX_ATTEMPTS:
                return "workers died again and again; see `ablate logs` and the folder " + work.log_folder()
            rounds += 1
            submit(work, launch)
        progress.refresh()
        time.sleep(_POLL)


def _judge(work: Work) -> None:
    """Fail the tasks whose jobs SLURM ended for good; the others are sent again."""
    jobs = work.jobs()
    ended = _ended(work, jobs.values()) if jobs else {}
    for task in work.tasks:
        job = jobs.get(task["id"])
        if job is None or work.settled(task) or not work.fed(task) or job not in ended:
            continue
        state = ended[job]
        if state == "FAILED" and "memory" in work.last_words(job):
            state = "OUT_OF_MEMORY"
        if state in _GIVEN_UP:
            work.fail(task, f"{_GIVEN_UP[state]} (SLURM job {job})")


def _ended(work: Work, jobs: Iterable[str]) -> dict[str, str]:
    """Job id -> how it ended: from accounting, which lags, and over it from the queue, which forgets."""
    listed = ",".join(sorted({job.partition("_")[0] for job in jobs}))
    now = _ask("squeue", "-h", "-r", "-t", "all", f"--name={name(work)}", "-O", "JobArrayID:64,State:32")
    try:
        text = _ask("sacct", "-n", "-P", "-o", "JobID,State", "-j", listed)
    except UserError:  # there is no accounting here
        text = ""
    states: dict[str, str] = {}
    for line in text.splitlines():
        row, _, state = line.partition("|")
        job, word = row.partition(".")[0], (state.split() or [""])[0]
        if "." not in row or word == "OUT_OF_MEMORY":
            states[job] = word
    fresh = {line[:64].strip(): line[64:].strip() for line in now.splitlines()}
    return states | {job: word for job, word in fresh.items() if states.get(job) != "OUT_OF_MEMORY"}


def _groups(tasks: Sequence[Task]) -> list[list[Task]]:
    """Tasks with the same needs together, those that others need before them."""
    groups: dict[tuple[Any, ...], list[Task]] = {}
    for task in sorted(tasks, key=lambda task: task["kind"] != "stage"):
        groups.setdefault((task["kind"] != "stage", *sorted(task["needs"])), []).append(task)
    order = sorted(groups, key=lambda key: (key[0], len(key)))
    return [groups[key] for key in order]


def _bound(groups: Sequence[Sequence[Task]], launch: Mapping[str, Any]) -> int:
    """Tasks at once of one array; those of cells may run side by side and share what there is."""
    return max(1, _workers(launch) // max(1, sum(group[0]["kind"] != "stage" for group in groups)))


def _shares(members: Sequence[Task], launch: Mapping[str, Any]) -> list[list[str]]:
    """Ids for every task of an array; a stage has one for itself."""
    size = 1 if members[0]["kind"] == "stage" else launch.get("cells_per_task", 1)
    return [[task["id"] for task in part] for part in _batched(members, size)]


def _batched(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def _workers(launch: Mapping[str, Any]) -> int:
    return launch.get("workers", WORKERS)


def _largest_array() -> int:
    for line in _ask("scontrol", "show", "config").splitlines():
        if line.startswith("MaxArraySize"):
            return max(1, int(line.partition("=")[2]))
    return 1001


def _ask(*command: str, patient: bool = True) -> str:
    """What a command of SLURM prints; a controller that is away for a moment is asked again by who is patient.

    Others want to know soon: without a configuration, SLURM's own commands look for one for a minute.
    """
    program = Path(command[0]).name
    for pause in (1, 5, 15, None):
        try:
            limit = None if patient else _SOON
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
        except subprocess.TimeoutExpired:
            raise UserError(f"{program}: no answer in {_SOON:.0f} s") from None
        if done.returncode == 0:
            return done.stdout
        if pause is None or not patient or "nvalid" in done.stderr or command[0] == "sacct":
            break
        time.sleep(pause)
    raise UserError(f"{program}: {done.stderr.strip()}")
