"""Cells -> the work that is left: finished cells reused, shared stages once, upstream first, and its cost."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ablations.cell import Cell
from ablations.system import Stage, System


@dataclass(frozen=True)
class Task:
    """A stage or a cell to be worked on once every task in `needs` has succeeded.

    `seconds` is what one worker is expected to take. The payload of a stage is the Stage as plain data, that
    of a cell is `cell` (the Cell as plain data) and `stages` (name -> id of every stage it needs).
    """

    kind: Literal["stage", "cell"]
    id: str
    name: str
    needs: tuple[str, ...]
    seconds: float
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class SharedStage:
    """A stage, how many cells need it, whether its result is there, and the seconds that sharing it spares.

    `uses` counts the cells still to run; without sharing the stage would be done so many times.
    """

    stage: Stage
    cells: int
    uses: int
    ready: bool
    seconds: float

    @property
    def saved(self) -> float:
        """Seconds of work that the cells still to run are spared."""
        return max(0, self.uses - (not self.ready)) * self.seconds


@dataclass(frozen=True)
class Plan:
    """What a sweep comes to.

    Attributes:
        cells: every cell of the sweep.
        reused: ids of those that are finished already.
        tasks: what is left, upstream first: nothing stands before what it needs.
        shared: the stages, upstream first.
        measured: how many finished runs the times rest on; 0: the system's own guess.
    """

    cells: Sequence[Cell]
    reused: Collection[str]
    tasks: Sequence[Task]
    shared: Sequence[SharedStage]
    measured: int = 0

    @property
    def seconds(self) -> float:
        """Work left, in seconds of one worker."""
        return sum(task.seconds for task in self.tasks)

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
        """Seconds that sharing stages saves against doing them anew in every cell that is left."""
        return sum(item.saved for item in self.shared)

    def as_json(self) -> dict[str, Any]:
        """The plan as plain data."""
        stages = [
            {"name": item.stage.name, "id": item.stage.id, "cells": item.cells, "ready": item.ready}
            | {"seconds": item.seconds, "saved": item.saved}
            for item in self.shared
        ]
        cells = [
            {"id": cell.id, "name": cell.name, "axes": dict(cell.axes), "seed": cell.seed}
            | {"reused": cell.id in self.reused}
            for cell in self.cells
        ]
        tasks = [{"kind": t.kind, "id": t.id, "name": t.name, "needs": list(t.needs)} for t in self.tasks]
        for entry, task in zip(tasks, self.tasks, strict=True):
            entry["seconds"] = task.seconds
        totals = {"seconds": self.seconds, "saved": self.saved(), "measured": self.measured}
        return {"cells": cells, "stages": stages, "tasks": tasks, **totals}


def make(
    cells: Sequence[Cell],
    system: System,
    stages_folder: Path,
    finished: Collection[str],
    durations: Mapping[str, float] | None = None,
) -> Plan:
    """Plan the work that is left.

    Args:
        stages_folder: the stage `id` lies in `stages_folder / id`.
        finished: ids of cells that have a finished run.
        durations: cell id -> seconds its finished run took; calibrates the system's own guess.
    """
    speed, measured = _calibration(cells, system, durations or {})
    left = [cell for cell in cells if cell.id not in finished]
    needed = {cell.id: system.stages(cell.config) for cell in cells}
    shared = _shared(needed, {cell.id for cell in left}, system, stages_folder, speed)
    missing = {item.stage.id for item in shared if item.uses and not item.ready}
    tasks = [_stage_task(item, missing) for item in shared if item.stage.id in missing]
    work = [_cell_task(cell, needed[cell.id], missing, speed * system.seconds(cell.config)) for cell in left]
    work.sort(key=lambda task: -task.seconds)  # the last worker to finish then does not hold a long one
    return Plan(cells, {cell.id for cell in cells} & set(finished), [*tasks, *work], shared, measured)


def _calibration(cells: Sequence[Cell], system: System, durations: Mapping[str, float]) -> tuple[float, int]:
    """How much longer than guessed finished cells took (median), and how many cells say so."""
    guesses = {cell.id: system.seconds(cell.config) for cell in cells if durations.get(cell.id)}
    ratios = [durations[key] / guess for key, guess in guesses.items() if guess > 0]
    return (statistics.median(ratios), len(ratios)) if ratios else (1.0, 0)


def _shared(
    needed: Mapping[str, Sequence[Stage]], left: set[str], system: System, folder: Path, speed: float
) -> list[SharedStage]:
    stages = {stage.id: stage for found in needed.values() for stage in found}
    users = {key: [cell for cell, found in needed.items() if key in {s.id for s in found}] for key in stages}
    return [
        SharedStage(
            stage=stage,
            cells=len(users[stage.id]),
            uses=len(left.intersection(users[stage.id])),
            ready=system.stage_ready(stage, folder / stage.id),
            seconds=stage.seconds * speed,
        )
        for stage in _upstream_first(stages)
    ]


def _upstream_first(stages: Mapping[str, Stage]) -> list[Stage]:
    ordered: dict[str, Stage] = {}

    def add(stage: Stage) -> None:
        for need in stage.needs:
            if need in stages and need not in ordered:
                add(stages[need])
        ordered.setdefault(stage.id, stage)

    for stage in stages.values():
        add(stage)
    return list(ordered.values())


def _stage_task(item: SharedStage, missing: Collection[str]) -> Task:
    stage = item.stage
    needs = tuple(need for need in stage.needs if need in missing)
    return Task("stage", stage.id, f"{stage.name} {stage.id[:6]}", needs, item.seconds, asdict(stage))


def _cell_task(cell: Cell, stages: Sequence[Stage], missing: Collection[str], seconds: float) -> Task:
    needs = tuple(stage.id for stage in stages if stage.id in missing)
    payload = {"cell": asdict(cell), "stages": {stage.name: stage.id for stage in stages}}
    return Task("cell", cell.id, cell.name, needs, seconds, payload)
