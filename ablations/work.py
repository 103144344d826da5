"""A launched plan as lanes, launcher and onlookers see it: plan.json and the folders of its tasks."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablations.files import read_json, state, write_json
from ablations.secrets import hidden

Task = Mapping[str, Any]
"""A task as plan.json has it: kind, id, name, needs, seconds, payload (see `ablations.plan.Task`), sweep."""


@dataclass(frozen=True)
class Work:
    """A plan on disk, at `<runs>/sweeps/<sweep id>/plan.json`. `about` is that file less its tasks."""

    plan_file: Path
    about: Mapping[str, Any]
    tasks: list[Task]
    leave: threading.Event = field(default_factory=threading.Event, compare=False)
    """Asks the lane that works on this to save and go, as the stop file asks all."""

    @classmethod
    def read(cls, plan_file: Path) -> Work:
        """The work that the file describes."""
        about = read_json(plan_file)
        return cls(plan_file, about, about.pop("tasks"))

    @property
    def runs(self) -> Path:
        """The folder of all cells and stages."""
        return self.plan_file.parents[2]

    @property
    def launch(self) -> str:
        """Which launch of the sweep this is."""
        return self.about["launch_id"]

    @property
    def stop(self) -> Path:
        """The file that asks lanes to stop."""
        return self.plan_file.parent / "stop"

    def stopping(self) -> bool:
        """Whether a lane should save and go."""
        return self.leave.is_set() or self.stop.exists()

    def sweep(self, task: Task) -> Mapping[str, str]:
        """The sweep that has the task's run: `target` of its study, `suite`, `name`, `parent` run."""
        return self.about["sweeps"][task["sweep"]]

    @property
    def parents(self) -> dict[str, str]:
        """The parent run of each sweep, by the sweep's key."""
        return {key: sweep["parent"] for key, sweep in self.about["sweeps"].items()}

    def superseded(self) -> bool:
        """Whether the sweep has been launched anew, so that other lanes work on it."""
        now = read_json(self.plan_file)
        return now is not None and now["launch_id"] != self.launch

    def folder(self, task: Task) -> Path:
        """Where a cell or stage lives."""
        return self._stage(task["id"]) if task["kind"] == "stage" else self.runs / task["id"]

    def state(self, task: Task) -> str:
        """`finished`, `failed`, `interrupted`, `running` or `waiting`."""
        return state(self.folder(task))

    def settled(self, task: Task) -> bool:
        """Finished, failed under this launch, or waiting for a stage that failed under it."""
        folder = self.folder(task)
        if (folder / "finished.json").exists() or (folder / "pruned.json").exists():
            return True
        return any(self._failed(place) for place in (folder, *map(self._stage, task["needs"])))

    def ready(self, task: Task) -> bool:
        """Whether a lane could take it now."""
        if self.settled(task) or self.state(task) == "running":
            return False
        return self.fed(task)

    def succeeded(self, task: Task) -> bool:
        """Finished, or pruned by its search."""
        return self.state(task) in ("finished", "pruned")

    def fed(self, task: Task) -> bool:
        """Whether every stage that the task needs is there."""
        return all((self._stage(need) / "finished.json").exists() for need in task["needs"])

    def jobs(self) -> dict[str, str]:
        """Task id -> its SLURM job, as far as this launch sent any."""
        found = read_json(self.plan_file.parent / "jobs.json") or {}
        return found.get("jobs", {}) if found.get("launch") == self.launch else {}

    def note_jobs(self, jobs: Mapping[str, str], folder: Path) -> None:
        """Write down which jobs do what, and where they log."""
        about = {"launch": self.launch, "folder": str(folder), "jobs": {**self.jobs(), **jobs}}
        write_json(self.plan_file.parent / "jobs.json", about)

    def log_folder(self) -> str:
        """Where the jobs sent last write what SLURM itself says."""
        return (read_json(self.plan_file.parent / "jobs.json") or {}).get("folder", "")

    def last_words(self, job: str) -> str:
        """The end of what a job wrote to its standard error."""
        logs = Path(self.log_folder()).glob(f"{job}_*.err")
        return "\n".join(log.read_text(errors="replace")[-2000:].lower() for log in logs)

    def fail(self, task: Task, reason: str) -> None:
        """Mark a task as failed under this launch."""
        about = {"reason": hidden(reason), "launch": self.launch}
        write_json(self.folder(task) / "failed.json", about)

    def reason(self, task: Task) -> str | None:
        """Why a task failed."""
        mark = read_json(self.folder(task) / "failed.json")
        return None if mark is None else mark["reason"]

    def _stage(self, name: str) -> Path:
        return self.runs / "stages" / name

    def _failed(self, folder: Path) -> bool:
        mark = read_json(folder / "failed.json")
        return mark is not None and mark["launch"] == self.launch
