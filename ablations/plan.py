"""Sweeps -> the work that is left: what several need once, finished cells reused, upstream first; its cost."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ablations.cell import Cell
from ablations.collecting import without_collecting
from ablations.part import Part
from ablations.shared import SharedStage, shared_stages
from ablations.system import Stage, System


@dataclass(frozen=True)
class Task:
    """A stage or a cell to be worked on once every task in `needs` has succeeded.

    `seconds` is what one worker is expected to take; `sweeps` are the keys of the parts that need it, of
    which the first has its run. The payload of a stage is the Stage as plain data, that of a cell is `cell`
    (the Cell as plain data), `stages` (name -> id of every stage it needs) and, for a trial of a search, `trial`.
    """

    kind: Literal["stage", "cell"]
    id: str
    name: str
    needs: tuple[str, ...]
    seconds: float
    payload: Mapping[str, Any]
    sweeps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spared:
    """What is done once instead of once in every sweep that needs it: cells, stages, seconds of work."""

    cells: int
    stages: int
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What one sweep, or several together, come to.

    Attributes:
        parts: the sweeps.
        cells: every cell of theirs, each once.
        reused: ids of those that are finished already.
        tasks: what is left, upstream first: nothing stands before what it needs.
        shared: the stages, upstream first.
        measured: how many finished runs the times rest on; 0: the system's own guess.
    """

    parts: Sequence[Part]
    cells: Sequence[Cell]
    reused: Collection[str]
    tasks: Sequence[Task]
    shared: Sequence[SharedStage]
    measured: int = 0

    @property
    def seconds(self) -> float:
        """Work left, in seconds of one worker."""
        return sum(task.seconds for task in self.tasks)

    def spared(self) -> Spared:
        """What is left less what every sweep on its own would have to do."""
        again = [(task, len(task.sweeps) - 1) for task in self.tasks]
        return Spared(
            cells=sum(times for task, times in again if task.kind == "cell"),
            stages=sum(times for task, times in again if task.kind == "stage"),
            seconds=sum(times * task.seconds for task, times in again),
        )

    def studies(self) -> dict[str, list[str]]:
        """Cell id -> the studies that have it."""
        found: dict[str, list[str]] = {}
        for part in self.parts:
            for cell in part.cells:
                if part.study.name not in (names := found.setdefault(cell.id, [])):
                    names.append(part.study.name)
        return found

    def wall(self, workers: int) -> float:
        """Estimated wall time with so many workers: evenly shared work, at least the longest chain."""
        return max(self.longest_chain(), self.seconds / max(1, workers))

    def longest_chain(self) -> float:
        """Seconds of the longest way through tasks that wait for one another."""
        ends: dict[str, float] = {}
        for task in self.tasks:
            ends[task.id] = task.seconds + max((ends[need] for need in task.needs), default=0.0)
        return max(ends.values(), default=0.0)

    def saved(self) -> float:
        """Seconds more that it would take if every cell that is left did its stages by itself."""
        return sum(item.saved for item in self.shared)

    def as_json(self) -> dict[str, Any]:
        """The plan as plain data."""
        stages = [
            {"name": item.stage.name, "id": item.stage.id, "cells": item.cells, "ready": item.ready}
            | {"seconds": item.seconds, "saved": item.saved}
            for item in self.shared
        ]
        studies = self.studies()
        cells = [
            {"id": cell.id, "name": cell.name, "axes": dict(cell.axes), "seed": cell.seed}
            | {"reused": cell.id in self.reused, "studies": studies[cell.id]}
            for cell in self.cells
        ]
        sweeps = [
            {"id": part.key, "study": part.study.name, "name": part.sweep.name, "scale": part.sweep.scale}
            | {"cells": [cell.id for cell in part.cells]}
            for part in self.parts
        ]
        tasks = [{"kind": t.kind, "id": t.id, "name": t.name, "needs": list(t.needs)} for t in self.tasks]
        for entry, task in zip(tasks, self.tasks, strict=True):
            entry["seconds"] = task.seconds
        totals = {"seconds": self.seconds, "saved": self.saved(), "measured": self.measured}
        totals |= {"spared_by_sharing": asdict(self.spared())}
        return {"sweeps": sweeps, "cells": cells, "stages": stages, "tasks": tasks, **totals}


@without_collecting
def make(
    parts: Sequence[Part],
    stages_folder: Path,
    finished: Collection[str],
    durations: Mapping[str, float] | None = None,
) -> Plan:
    """Plan the work that is left. Cells of equal id are one; the first part that has it owns its run.

    Args:
        stages_folder: the stage `id` lies in `stages_folder / id`.
        finished: ids of cells that have a finished run.
        durations: cell id -> seconds its finished run took; calibrates the systems' own guesses.
    """
    cells: dict[str, Cell] = {}
    systems: dict[str, System] = {}
    for part in parts:
        for cell in part.cells:
            cells.setdefault(cell.id, cell)
            systems.setdefault(cell.id, part.system)
    guesses = {key: systems[key].seconds(cell.config) for key, cell in cells.items()}
    speed, measured = _calibration(guesses, durations or {})
    needed = {key: systems[key].stages(cell.config) for key, cell in cells.items()}
    left = {key for key in cells if key not in finished}
    shared = shared_stages(needed, left, systems, stages_folder, speed)
    missing = {item.stage.id for item in shared if item.uses and not item.ready}
    users, trials = _users(parts, needed, left), _trials(parts)
    stages = [_stage_task(item, missing, users) for item in shared if item.stage.id in missing]
    work = [
        _cell_task(cells[key], needed[key], missing, speed * guesses[key], users, trials.get(key))
        for key in cells
        if key in left
    ]
    work.sort(key=lambda task: -task.seconds)  # the last worker to finish then does not hold a long one
    return Plan(parts, list(cells.values()), cells.keys() - left, [*stages, *work], shared, measured)


def _calibration(guesses: Mapping[str, float], durations: Mapping[str, float]) -> tuple[float, int]:
    """How much longer than guessed finished cells took (median), and how many cells say so."""
    ratios = [durations[key] / guess for key, guess in guesses.items() if guess > 0 and durations.get(key)]
    return (statistics.median(ratios), len(ratios)) if ratios else (1.0, 0)


def _users(
    parts: Sequence[Part], needed: Mapping[str, Sequence[Stage]], left: set[str]
) -> dict[str, dict[str, None]]:
    """Id of a cell that is left, or of a stage that one needs -> the keys of the parts that need it."""
    found: dict[str, dict[str, None]] = {}
    for part in parts:
        for cell in part.cells:
            if cell.id in left:
                for key in (cell.id, *(stage.id for stage in needed[cell.id])):
                    found.setdefault(key, {})[part.key] = None
    return found


def _trials(parts: Sequence[Part]) -> dict[str, Mapping[str, Any]]:
    """Cell id -> what it has to know as a trial: cells that one search needs and nobody else, so may be pruned."""
    needed = Counter(cell.id for part in parts for cell in part.cells)
    trials = {key: about for part in parts if part.round for key, about in part.round.open.items()}
    return {key: about for key, about in trials.items() if needed[key] == 1}


def _stage_task(item: SharedStage, missing: Collection[str], users: Mapping[str, Collection[str]]) -> Task:
    stage = item.stage
    needs = tuple(need for need in stage.needs if need in missing)
    name = f"{stage.name} {stage.id[:6]}"
    return Task("stage", stage.id, name, needs, item.seconds, asdict(stage), tuple(users[stage.id]))


def _cell_task(
    cell: Cell,
    stages: Sequence[Stage],
    missing: Collection[str],
    seconds: float,
    users: Mapping[str, Collection[str]],
    trial: Mapping[str, Any] | None,
) -> Task:
    needs = tuple(stage.id for stage in stages if stage.id in missing)
    payload = {"cell": dict(vars(cell)), "stages": {stage.name: stage.id for stage in stages}}
    payload |= {"trial": trial} if trial else {}
    return Task("cell", cell.id, cell.name, needs, seconds, payload, tuple(users[cell.id]))
