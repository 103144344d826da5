"""What one task of a SLURM array runs: a few cells or stages of a plan, saved before a time limit or preemption."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.secrets import kept


@dataclass
class Share:
    """Called by submitit with the ids of the tasks to do; submitit owns the requeue, `checkpoint` is its hook.

    The work runs in a thread: signals reach the main thread, which asks the work to save and waits for it.
    """

    plan_file: str
    threads: int

    @kept()
    def __call__(self, ids: list[str]) -> None:
        """Do the tasks, or train along with the process of rank 0, which does.

        Raises:
            RuntimeError: some failed; SLURM then keeps what needs them from starting.
        """
        from ablations import ranks
        from ablations.work import Work
        from ablations.worker import lane, limit

        limit(self.threads)
        sys.path.insert(0, "")
        work = Work.read(Path(self.plan_file))
        rank = ranks.export()
        self._leave, self._thread = work.leave, _Thread(ranks.follow if rank else lane, work, ids)
        self._thread.start()
        while self._thread.is_alive():  # a join without an end would keep signals waiting
            self._thread.join(0.2)
        if self._thread.error:
            raise self._thread.error
        if rank:
            return
        _end_if_last(work)
        undone = [task["name"] for task in work.tasks if task["id"] in ids and not work.succeeded(task)]
        if undone:
            raise RuntimeError(f"not finished: {', '.join(undone)}")

    def checkpoint(self, ids: list[str]) -> Any:
        """Save what runs, then go on with the same tasks after the requeue."""
        from submitit.helpers import DelayedSubmission

        self._leave.set()
        self._thread.join()
        return DelayedSubmission(Share(self.plan_file, self.threads), ids)


class _Thread(threading.Thread):
    """Does the work of a task; what it raised is kept in `error`."""

    def __init__(self, do: Callable[[Any, list[str]], None], work: Any, ids: list[str]) -> None:
        super().__init__(daemon=True)
        self.do, self.work, self.ids = do, work, ids
        self.error: Exception | None = None

    def run(self) -> None:
        """Called in the thread."""
        try:
            self.do(self.work, self.ids)
        except Exception as error:
            self.error = error


def _end_if_last(work: Any) -> None:
    """Close the sweeps' runs when nothing is left: the launcher may be long gone."""
    from ablations import tracking

    if all(map(work.settled, work.tasks)):
        ended = "FINISHED" if all(map(work.succeeded, work.tasks)) else "FAILED"
        with contextlib.suppress(Exception):  # the store may be away; results are there in any case
            tracking.end_sweeps(work.about["tracking_uri"], dict.fromkeys(work.parents.values(), ended))
