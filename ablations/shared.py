"""Stages that several cells need: what they are, whether they are there, and what they would take unshared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ablations.system import Stage, System


@dataclass(frozen=True)
class SharedStage:
    """A stage, how many cells need it, whether its result is there, and the seconds it takes.

    `uses` counts the cells still to run; without sharing the stage would be done so many times.
    """

    stage: Stage
    cells: int
    uses: int
    ready: bool
    seconds: float

    @property
    def saved(self) -> float:
        """Seconds more that it would take if every cell still to run did the stage by itself."""
        return max(0, self.uses - (not self.ready)) * self.seconds


def shared_stages(
    needed: Mapping[str, Sequence[Stage]],
    left: set[str],
    systems: Mapping[str, System],
    folder: Path,
    speed: float,
) -> list[SharedStage]:
    """The stages that cells need, each once, upstream first.

    Args:
        needed: cell id -> its stages.
        left: ids of the cells still to run.
        systems: cell id -> its system.
        folder: the stage `id` lies in `folder / id`.
        speed: how much longer than guessed work takes here.
    """
    users: dict[str, list[str]] = {}
    stages: dict[str, Stage] = {}
    for cell, found in needed.items():
        for stage in found:
            stages.setdefault(stage.id, stage)
            users.setdefault(stage.id, []).append(cell)
    return [
        SharedStage(
            stage=stage,
            cells=len(users[stage.id]),
            uses=len(left.intersection(users[stage.id])),
            ready=systems[users[stage.id][0]].stage_ready(stage, folder / stage.id),
            seconds=stage.seconds * speed,
        )
        for stage in upstream_first(stages)
    ]


def upstream_first(stages: Mapping[str, Stage]) -> list[Stage]:
    """Stages by id -> the same in an order in which nothing stands before what it needs."""
    ordered: dict[str, Stage] = {}

    def add(stage: Stage) -> None:
        for need in stage.needs:
            if need in stages and need not in ordered:
                add(stages[need])
        ordered.setdefault(stage.id, stage)

    for stage in stages.values():
        add(stage)
    return list(ordered.values())
