"""Ends a task that hangs: a small process beside its worker, since code that holds the interpreter stops threads."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ablations.files import holder
from ablations.work import Task, Work

HANG_MINUTES = 60.0
"""How long a task may be silent, unless `launch.hang_minutes` says otherwise."""
_GRACE, _PIPE = 1.0, 1 << 20


@contextlib.contextmanager
def watched(work: Work, task: Task) -> Iterator[Callable[[str], None]]:
    """Watch this process while it works on a task; yields what to call, again and again, with how far it is.

    A work without `hang_minutes` is not watched: where cells run inside the launcher, there is nobody to go on.
    """
    if work.about.get("hang_minutes") is None:
        yield lambda where: None
        return
    about = {name: work.about[name] for name in ("launch_id", "tracking_uri", "hang_minutes")}
    told = [str(work.plan_file), about, {name: task[name] for name in ("kind", "id")}, os.getpid()]
    command = [sys.executable, "-m", __name__, json.dumps(told)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as dog:
        assert dog.stdin is not None
        pipe = dog.stdin.fileno()
        os.set_blocking(pipe, False)
        faulthandler.register(signal.SIGUSR1, file=sys.stderr)

        def alive(where: str) -> None:
            with contextlib.suppress(OSError):  # a dog that died, or does not listen, is no harm to the work
                os.write(pipe, f"{where}\n".encode())

        try:
            yield alive
        finally:
            faulthandler.unregister(signal.SIGUSR1)


def main() -> None:
    """Wait for the worker's words; their end is that of the task, too long a silence is a hang."""
    plan_file, about, task, worker = json.loads(sys.argv[1])
    work, where = Work(Path(plan_file), about, []), "its start"
    while select.select([0], [], [], 60 * about["hang_minutes"])[0]:
        words = os.read(0, _PIPE).decode()
        if not words:
            return
        where = words.splitlines()[-1]
    held = holder(work.folder(task) / "lease.json")
    if held is not None and held["pid"] == worker:
        end(work, task, worker, f"no progress for {about['hang_minutes']:g} min at {where}")


def end(work: Work, task: Task, worker: int, reason: str) -> None:
    """Fail the task, first of all, lest another lane takes it up; then end its worker, which says where it stands."""
    with contextlib.suppress(OSError):
        work.fail(task, reason)
    os.kill(worker, signal.SIGUSR1)  # to the log, by faulthandler: it needs no interpreter
    time.sleep(_GRACE)
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker, signal.SIGKILL)
    if task["kind"] == "cell":
        from ablations import tracking

        with contextlib.suppress(Exception):  # the store may be away; the launcher says it at the end
            tracking.reap(work.about["tracking_uri"], {task["id"]: reason}, interrupted=False)


if __name__ == "__main__":
    main()
