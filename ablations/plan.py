"""Cells -> the work that is left: finished cells reused, shared stages once, upstream first, what it will cost."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ablations.cell import Cell
from ablations.system import Stage, System


@dataclass(frozen=True)
class Task:
    """A stage or a cell to be worked on once everything it needs is there."""

    kind: str
    id: str
    name: str
    needs: tuple[str, ...]
    seconds: float
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a sweep comes to.

    Attributes:
        cells: every cell of the sweep.
        reused: ids of those that are finished already.
        tasks: what is left, upstream first.
        shared: stage id -> (stage, by how many cells it is used, whether its result is there already).
    """

    cells: Sequence[Cell]
    reused: Collection[str]
    tasks: Sequence[Task]
    shared: Mapping[str, tuple[Stage, int, bool]]

    @property
    def seconds(self) -> float:
        """Work left, in seconds of one worker."""
        return sum(task.seconds for task in self.tasks)

    def wall(self, workers: int) -> float:
        """Estimated wall time with so many workers: evenly shared work, at least the longest chain."""
        longest = max((task.seconds + self._upstream(task) for task in self.tasks), default=0.0)
        return max(longest, self.seconds / max(1, workers))

    def saved(self) -> float:
        """Seconds that sharing stages saves against training them anew in every cell."""
        return sum(stage.seconds * (uses - 1) for stage, uses, _ in self.shared.values() if uses > 1)

    def as_json(self) -> dict[str, Any]:
        """The plan as plain data."""
        stages = [
            {"name": stage.name, "id": stage.id, "cells": uses, "ready": ready, "seconds": stage.seconds}
            for stage, uses, ready in self.shared.values()
        ]
        cells = [{"id": c.id, "name": c.name, "reused": c.id in self.reused} for c in self.cells]
        tasks = [{k: v for k, v in asdict(task).items() if k != "payload"} for task in self.tasks]
        return {"cells": cells, "stages": stages, "tasks": tasks, "seconds": self.seconds, "saved": self.saved()}

    def _upstream(self, task: Task) -> float:
        return sum(other.seconds for other in self.tasks if other.id in task.needs)


def make(
    cells: Sequence[Cell],
    system: System,
    stages_folder: Path,
    finished: Collection[str],
    durations: Mapping[str, float] | None = None,
) -> Plan:
    """Plan the work that is left. `durations` of finished cells calibrate the system's own guess."""
    left = [cell for cell in cells if cell.id not in finished]
    needed = {cell.id: system.stages(cell.config) for cell in cells}
    uses = Counter(stage.id for stages in needed.values() for stage in stages)
    stages = {stage.id: stage for found in needed.values() for stage in found}
    ready = {key: system.stage_ready(stage, stages_folder / key) for key, stage in stages.items()}
    missing = {stage.id for cell in left for stage in needed[cell.id] if not ready[stage.id]}
    scale = _calibration(cells, system, durations or {})
    tasks = [
        Task("stage", s.id, f"{s.name} {s.id[:6]}", tuple(n for n in s.needs if n in missing), s.seconds, asdict(s))
        for s in stages.values()
        if s.id in missing
    ]
    tasks.sort(key=lambda task: (len(task.needs), -task.seconds))
    for cell in left:
        needs = tuple(stage.id for stage in needed[cell.id] if stage.id in missing)
        payload = {"cell": asdict(cell), "stages": {stage.name: stage.id for stage in needed[cell.id]}}
        tasks.append(Task("cell", cell.id, cell.name, needs, scale * system.seconds(cell.config), payload))
    shared = {key: (stage, uses[key], ready[key]) for key, stage in stages.items()}
    return Plan(cells, {cell.id for cell in cells} & set(finished), _longest_first(tasks), shared)


def _longest_first(tasks: list[Task]) -> list[Task]:
    """Stages in their order, then long cells before short ones: the last worker to finish is not a long one."""
    stages = [task for task in tasks if task.kind == "stage"]
    return stages + sorted((task for task in tasks if task.kind == "cell"), key=lambda task: -task.seconds)


def _calibration(cells: Sequence[Cell], system: System, durations: Mapping[str, float]) -> float:
    ratios = [durations[cell.id] / system.seconds(cell.config) for cell in cells if durations.get(cell.id)]
    return statistics.median(ratios) if ratios else 1.0
