"""What `ablate next` prints: each step with its claims, cells, time and command, then what is left open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ablations import advice
from ablations.advice import State, Step
from ablations.plan_view import clock, count

if TYPE_CHECKING:
    from rich.console import Console

_MOST_CELLS = 6


def show(
    states: Sequence[State],
    steps: Sequence[Step],
    budget: float,
    workers: int,
    console: Console,
    extra: Sequence[str] = (),
) -> None:
    """Print the steps, in the order in which to take them. `extra` ends their commands."""
    lines = []
    for place, step in enumerate(steps, 1):
        lines += _step(place, step, extra)
    settled = {(step.option.part.study.name, claim) for step in steps for claim in step.option.claims}
    left = [line for state in states for line in _left(state, settled)]
    if left and not steps:
        lines.append(f"nothing can be settled in {clock(budget)} with {count(workers, 'worker')}")
    if left:
        lines += ["", "still open:", *left]
    for line in lines or ["every claim is decided"]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _step(place: int, step: Step, extra: Sequence[str]) -> list[str]:
    part, seeds = step.option.part, step.option.part.sweep.seeds
    cells = advice.settings(part.cells)
    shown = cells[:_MOST_CELLS] + (
        [f"... and {len(cells) - _MOST_CELLS} more"] if len(cells) > _MOST_CELLS else []
    )
    several = f"{seeds[0]}-{seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}"
    work = count(len(part.cells), "cell")
    if step.stages:
        first = clock(sum(task.seconds for task in step.stages))
        work = f"{count(len(step.stages), 'stage')} ({first}) and {work}"
    return [
        f"{place}. {part.study.name}: {clock(step.seconds)} of work, {work}, seeds {several}",
        *(f"   settles  {claim}" for claim in step.settles),
        *(f"   cell     {name}" for name in shown),
        f"   {advice.command(step.option, extra)}",
    ]


def _left(state: State, settled: set[tuple[str, str]]) -> list[str]:
    name = state.part.study.name
    undecided = [verdict for verdict in state.verdicts if verdict.verdict == "inconclusive"]
    lines = [
        f"   {name}: {verdict.claim} ({verdict.advice or 'not measured yet'})"
        for verdict in undecided
        if (name, verdict.claim) not in settled
    ]
    unseen = not state.seeds and not any(study == name for study, _ in settled)
    return [*lines, *([f"   {name}: has not been run"] if unseen else [])]
