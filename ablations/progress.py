"""The live table while cells run; where there is no terminal, a line for every change."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ablations.files import read_json
from ablations.work import Task, Work

if TYPE_CHECKING:
    from rich.console import Console, Group

_STYLES = {"running": "bold", "failed": "red", "interrupted": "yellow", "waiting": "dim"}
_STYLES |= {"pruned": "dim", "finished": "green"}
_HEARTBEAT = 30.0
_FRAME = 6
"""Lines of a table that are not rows."""


class Progress:
    """Shows the work's tasks from their folders until it is left."""

    def __init__(self, work: Work, console: Console) -> None:
        self.work, self.console = work, console
        console.file = console.file  # a task's output goes to its log, also in this process; ours does not
        self._states: dict[str, str] = {}
        self._beat = time.monotonic()
        self._live: Any = None
        self._note = self._said = ""

    def __enter__(self) -> Progress:
        if self.console.is_terminal:
            from rich.live import Live

            self._live = Live(self._table(), console=self.console, auto_refresh=False, redirect_stdout=False)
            self._live.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.refresh()
        if self._live is not None:
            self._live.__exit__(*exception)

    def refresh(self) -> None:
        """Look at the folders again."""
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
        else:
            self._lines()

    def note(self, text: str) -> None:
        """Say something beside the table at the next look; safe in a signal handler."""
        self._note = text

    def _table(self) -> Group:
        return table(self.work, self._note, rows=max(3, self.console.height - _FRAME))

    def _lines(self) -> None:
        if self._note != self._said:
            self._said = self._note
            self._print(self._note)
        states = {task["id"]: self.work.state(task) for task in self.work.tasks}
        changed = [task for task in self.work.tasks if states[task["id"]] != self._before(task)]
        self._states = states
        done = Counter(states.values())["finished"]
        for task in changed:
            self._print(f"{task['name']}: {states[task['id']]}  ({done}/{len(states)} done)")
        if changed:
            self._beat = time.monotonic()
        elif time.monotonic() - self._beat > _HEARTBEAT:
            self._beat = time.monotonic()
            self._heartbeat()

    def _before(self, task: Task) -> str:
        return self._states.get(task["id"], "waiting")

    def _heartbeat(self) -> None:
        for task in self.work.tasks:
            told = read_json(self.work.folder(task) / "progress.json")
            if told is not None and self._states[task["id"]] == "running":
                phase, step, loss, left = _cells(told, "running")
                self._print(
                    "  ".join(filter(None, [task["name"], phase, step, loss and f"loss {loss}", left]))
                )

    def _print(self, text: str) -> None:
        clock = time.strftime("%H:%M:%S")
        self.console.print(f"{clock}  {text}", highlight=False, markup=False, soft_wrap=True)


def table(
    work: Work, note: str = "", rows: int | None = None, queued: Mapping[str, str] | None = None
) -> Group:
    """How many tasks are done and how long the rest will take, then every task with its progress.

    Where there are more than `rows`, those that run or failed are shown before those that wait or are done.
    `queued` says what a batch system knows of tasks that do not run.
    """
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    states = {task["id"]: work.state(task) for task in work.tasks}
    shown = Table()
    for heading in ("cell", "state", "phase", "step", "loss", "ETA"):
        shown.add_column(heading, justify="right" if heading in ("step", "loss", "ETA") else "left")
    tasks = _worth_showing(work.tasks, states, rows)
    for task in tasks:
        now = states[task["id"]]
        told = read_json(work.folder(task) / "progress.json") if now != "waiting" else None
        word = (queued or {}).get(task["id"], now) if now in ("waiting", "interrupted") else now
        shown.add_row(task["name"], word, *_cells(told, now), style=_STYLES[now])
    if len(tasks) < len(states):
        shown.add_row(f"… and {len(states) - len(tasks)} more", style="dim")
    return Group(Text(_title(work, states), style="bold"), shown, Text(note, style="italic"))


def _title(work: Work, states: Mapping[str, str]) -> str:
    counts = Counter(states.values())
    waiting = counts["waiting"] + counts["interrupted"]
    left = _clock(_seconds_left(work, states) / max(1, work.about["workers"]))
    parts = [f"{counts[name]} {word}" for name, word in (("finished", "done"), ("failed", "failed"))]
    parts += [f"{counts['running']} running", f"{waiting} waiting", f"about {left} left"]
    return " · ".join(parts)


def _worth_showing(tasks: Sequence[Task], states: Mapping[str, str], rows: int | None) -> list[Task]:
    if rows is None or len(tasks) <= rows:
        return list(tasks)
    order = list(_STYLES)
    kept = sorted(range(len(tasks)), key=lambda place: order.index(states[tasks[place]["id"]]))[: rows - 1]
    return [tasks[place] for place in sorted(kept)]


def _cells(told: Mapping[str, Any] | None, now: str) -> tuple[str, str, str, str]:
    """Phase, step, loss and time left in that phase."""
    if told is None:
        return "", "", "", ""
    loss = f"{told['loss']:.3f}" if told["loss"] is not None else ""
    left = _clock(_phase_left(told)) if now == "running" and told["step"] > told["phase_step"] else ""
    return told["phase"], f"{told['step']}/{told['total']}", loss, left


def _phase_left(told: Mapping[str, Any]) -> float:
    """Seconds that the phase will still take, by the pace of this attempt."""
    done = told["step"] - told["phase_step"]
    pace = told.get("phase_seconds", 0.0) / done if done > 0 else 0.0
    return pace * (told["total"] - told["step"])


def _seconds_left(work: Work, states: Mapping[str, str]) -> float:
    """The plan's estimates scaled by how long the finished tasks took; a running phase may know better."""
    guessed = taken = 0.0
    for task in work.tasks:
        marker = read_json(work.folder(task) / "finished.json")
        if marker is not None:
            guessed, taken = guessed + task["seconds"], taken + marker["seconds"]
    scale = taken / guessed if guessed and taken else 1.0
    open_tasks = [task for task in work.tasks if states[task["id"]] not in ("finished", "failed", "pruned")]
    return sum(_task_left(task["seconds"] * scale, work, task) for task in open_tasks)


def _task_left(whole: float, work: Work, task: Task) -> float:
    told = read_json(work.folder(task) / "progress.json")
    if told is None:
        return whole
    return max(whole - told.get("seconds", 0.0), _phase_left(told))


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
