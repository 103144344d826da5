"""The live table while cells run: cell, phase, step, loss, time left; one line per change where there is no terminal."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.files import read_json, state
from ablations.worker import task_folder

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_STYLES = {"finished": "green", "failed": "red", "running": "bold", "interrupted": "yellow", "waiting": "dim"}
_HEARTBEAT = 30.0


class Progress:
    """Shows tasks from their folders until it is left."""

    def __init__(self, tasks: Sequence[Mapping[str, Any]], runs: Path, workers: int, console: Console) -> None:
        self.tasks, self.runs, self.workers, self.console = tasks, runs, workers, console
        self.begun = time.time()
        self._states: dict[str, str] = {}
        self._beat = time.monotonic()
        self._live: Any = None
        self._note = ""

    def __enter__(self) -> Progress:
        if self.console.is_terminal:
            from rich.live import Live

            self._live = Live(self.table(), console=self.console, refresh_per_second=4, transient=False)
            self._live.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.refresh()
        if self._live is not None:
            self._live.__exit__(*exception)

    def refresh(self) -> None:
        """Look at the folders again."""
        if self._live is not None:
            self._live.update(self.table())
        else:
            self._lines()

    def note(self, text: str) -> None:
        """Say something beside the table."""
        self._note = text
        if self._live is None:
            self.console.print(text)

    def table(self) -> Table:
        """The table as it stands."""
        return table(self.tasks, self.runs, self.workers, self._note)

    def _lines(self) -> None:
        changed = False
        for task in self.tasks:
            folder = task_folder(self.runs, task)
            now = state(folder)
            if now != self._states.get(task["id"], "waiting"):
                done = sum(1 for value in self._states.values() if value == "finished") + (now == "finished")
                clock = time.strftime("%H:%M:%S")
                self.console.print(f"{clock}  {task['name']}: {now}  ({done}/{len(self.tasks)} done)", highlight=False)
                changed = True
            self._states[task["id"]] = now
        if changed:
            self._beat = time.monotonic()
        elif time.monotonic() - self._beat > _HEARTBEAT:
            self._beat = time.monotonic()
            for task in self.tasks:
                if self._states[task["id"]] == "running":
                    told = read_json(task_folder(self.runs, task) / "progress.json")
                    if told:
                        place = f"{told['phase']} {told['step']}/{told['total']}"
                        loss = f" loss {told['loss']:.3f}" if told["loss"] is not None else ""
                        self.console.print(f"  {task['name']}: {place}{loss}", highlight=False)


def table(tasks: Sequence[Mapping[str, Any]], runs: Path, workers: int, note: str = "") -> Table:
    """Cells and stages with their progress, and in the title how many are done and how long it will take."""
    from rich.table import Table

    states = {task["id"]: state(task_folder(runs, task)) for task in tasks}
    counts = Counter(states.values())
    left = _seconds_left(tasks, states, runs) / max(1, workers)
    title = f"{counts['finished']} done · {counts['failed']} failed · {counts['running']} running"
    title += f" · {len(tasks) - counts['finished'] - counts['failed'] - counts['running']} waiting"
    shown = Table(title=f"{title} · about {_clock(left)} left", caption=note or None, expand=False)
    for heading in ("cell", "state", "phase", "step", "loss", "ETA"):
        shown.add_column(heading, justify="right" if heading in ("step", "loss", "ETA") else "left")
    for task in tasks:
        now = states[task["id"]]
        told = read_json(task_folder(runs, task) / "progress.json") if now != "waiting" else None
        shown.add_row(task["name"], now, *_cells(told, now), style=_STYLES[now])
    return shown


def _cells(told: Mapping[str, Any] | None, now: str) -> tuple[str, str, str, str]:
    if told is None:
        return "", "", "", ""
    loss = f"{told['loss']:.3f}" if told.get("loss") is not None else ""
    eta = ""
    if now == "running" and told["step"]:
        pace = (told["updated"] - told["started"]) / told["step"]
        eta = _clock(pace * (told["total"] - told["step"]))
    return told["phase"], f"{told['step']}/{told['total']}", loss, eta


def _seconds_left(tasks: Sequence[Mapping[str, Any]], states: Mapping[str, str], runs: Path) -> float:
    """Estimates of the plan, scaled by how long the finished tasks took."""
    guessed = taken = left = 0.0
    for task in tasks:
        folder = task_folder(runs, task)
        if states[task["id"]] == "finished":
            marker = read_json(folder / "finished.json") or {}
            guessed, taken = guessed + task["seconds"], taken + marker.get("seconds", task["seconds"])
        elif states[task["id"]] != "failed":
            told = read_json(folder / "progress.json") or {}
            training = told.get("phase") != "evaluation"
            share = told["step"] / max(1, told["total"]) if told and training else (0.9 if told else 0.0)
            left += task["seconds"] * (1 - share)
    return left * (taken / guessed if guessed else 1.0)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
