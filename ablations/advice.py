"""`ablate next`: which further seeds, of which cells, settle the most undecided claims within a budget."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations import grid
from ablations import plan as plans
from ablations.cell import Cell
from ablations.errors import UserError
from ablations.part import Part
from ablations.suite import only_cells

if TYPE_CHECKING:
    from ablations.claims import Verdict

MOST_SEEDS = 200
"""A claim that needs more than so many further seeds is not worth running for."""
_FEWEST = 3
_UNITS = {"h": 3600.0, "min": 60.0, "m": 60.0, "s": 1.0}


@dataclass(frozen=True)
class State:
    """How far a study is: its sweep, its verdicts (none before its first run) and the seeds they rest on."""

    part: Part
    verdicts: Sequence[Verdict] = ()
    seeds: Sequence[int] = ()


@dataclass(frozen=True)
class Option:
    """Seeds that may be added to a sweep; `part` holds just the new cells, `only` is what selects them."""

    part: Part
    claims: frozenset[str]
    only: Mapping[str, Sequence[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A chosen option, the claims that it adds to those settled before, its seconds of work and the stages in them."""

    option: Option
    settles: Sequence[str]
    seconds: float
    stages: Sequence[plans.Task]


def seconds_of(text: str) -> float:
    """`2h`, `1h30min`, `90m`, `45s` -> seconds.

    Raises:
        UserError: anything else.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*(h|min|m|s)\s*", text)
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != re.sub(r"\s", "", text) or not total:
        raise UserError(f"--budget {text}: not a time; write 2h, 90min or 1h30min")
    return total


def seeds_needed(verdict: Verdict) -> int | None:
    """Further seeds that an undecided claim needs; None if it is decided, or if seeds alone do not help."""
    if verdict.verdict != "inconclusive":
        return None
    if verdict.n_seeds == 1:
        return _FEWEST - 1
    return verdict.more_seeds


def options(state: State) -> list[Option]:
    """Every number of further seeds that settles one more of a study's claims, from few to many."""
    if not state.seeds:
        return [Option(state.part, frozenset(claim.name for claim in state.part.study.claims))]
    needs = {verdict.claim: needed for verdict in state.verdicts if (needed := seeds_needed(verdict))}
    return [
        _option(
            state,
            count,
            [verdict for verdict in state.verdicts if needs.get(verdict.claim, count + 1) <= count],
        )
        for count in sorted(set(needs.values()))
        if count <= MOST_SEEDS
    ]


def _option(state: State, count: int, verdicts: Sequence[Verdict]) -> Option:
    first = max(state.seeds) + 1
    sweep = replace(state.part.sweep, seeds=tuple(range(first, first + count)))
    part = replace(state.part, sweep=sweep, cells=grid.cells(state.part.study, state.part.system, sweep))
    only = {
        axis: values
        for axis, values in _sides(verdicts).items()
        if any(cell.axes[axis] not in values for cell in part.cells)
    }
    return Option(only_cells(part, only), frozenset(verdict.claim for verdict in verdicts), only)


def _sides(verdicts: Sequence[Verdict]) -> dict[str, list[Any]]:
    """Axis -> the values that the claims compare, for the axes that each of their sides sets."""
    sides = [side for verdict in verdicts for side in (verdict.left, verdict.right)]
    axes = [axis for axis in sides[0] if all(axis in side for side in sides)]
    return {axis: _distinct([side[axis] for side in sides]) for axis in axes}


def _distinct(values: Sequence[Any]) -> list[Any]:
    return list({json.dumps(value, sort_keys=True): value for value in values}.values())


def choose(
    states: Sequence[State],
    budget: float,
    workers: int,
    stages: Path,
    durations: Mapping[str, float],
) -> list[Step]:
    """Take the option that settles the most claims per hour, again and again, while the time lasts.

    Args:
        budget: seconds on so many workers.
        stages: where shared stages lie.
        durations: cell id -> seconds, of finished cells; they also say how fast this machine is.
    """
    known = [replace(s.part, cells=[c for c in s.part.cells if c.id in durations]) for s in states]
    left = [option for state in states for option in options(state)]
    chosen: dict[str, Step] = {}
    spent = 0.0
    while left:
        tried = []
        for option in left:
            parts = {name: step.option.part for name, step in chosen.items()}
            parts[option.part.study.name] = option.part
            plan = plans.make([*known, *parts.values()], stages, durations, durations)
            new = option.claims - _settled(chosen, option.part.study.name)
            if new and plan.wall(workers) <= budget:
                tried.append((len(new) / max(plan.seconds - spent, 1.0), plan, option, sorted(new)))
        if not tried:
            break
        _, plan, option, new = max(tried, key=lambda entry: entry[0])
        name = option.part.study.name
        before = chosen.pop(name, None)
        settles = [*(before.settles if before else ()), *new]
        cost = plan.seconds - spent + (before.seconds if before else 0.0)
        paid = {task.id for step in chosen.values() for task in step.stages}
        first = [task for task in plan.tasks if task.kind == "stage" and task.id not in paid]
        chosen[name] = Step(option, settles, cost, first)
        spent = plan.seconds
        left = [other for other in left if other is not option]
    return list(chosen.values())


def _settled(chosen: Mapping[str, Step], study: str) -> set[str]:
    """Claims of one study that are settled already; another's of the same name are other claims."""
    return set(chosen[study].settles) if study in chosen else set()


def command(option: Option, extra: Sequence[str] = ()) -> str:
    """The line that runs an option's cells."""
    sweep, study = option.part.sweep, option.part.study.name
    seeds = sweep.seeds if len(sweep.seeds) == 1 else (f"{min(sweep.seeds)}-{max(sweep.seeds)}",)
    words = ["ablate", study, "--grid", sweep.lines.file, "--seeds", str(seeds[0])]
    if sweep.lines.data.get("scale", option.part.system.scales()[0]) != sweep.scale:
        words += ["--scale", sweep.scale]
    given = sweep.below.data.get("set") or {} if sweep.below else {}
    for name in given:
        if sweep.set.get(name) == given[name] and name not in (sweep.lines.data.get("set") or {}):
            words += ["--set", f"{name}={json.dumps(given[name])}"]
    for name, values in option.only.items():
        words += ["--only", f"{name}={json.dumps(values)}"]
    return shlex.join([*words, *extra])


def settings(cells: Collection[Cell]) -> list[str]:
    """The cells' names less their seeds, each once."""
    return list(dict.fromkeys(cell.name.rpartition(" seed=")[0] for cell in cells))
