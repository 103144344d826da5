"""A plan on the terminal: cells, what is reused, shared stages, estimated time."""

from __future__ import annotations

import statistics

from rich.console import Console
from rich.table import Table

from ablations.part import Part
from ablations.plan import Plan

_MOST_ROWS = 40


def show(plan: Plan, workers: int, console: Console) -> None:
    """Print the plan; readable at 80 columns and in a pipe."""
    if len(plan.parts) > 1:
        console.print(_studies(plan))
    console.print(_cells(plan))
    if plan.shared:
        console.print(_stages(plan))
    for line in summary(plan, workers):
        console.print(line, highlight=False)


def clock(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def count(number: int, what: str) -> str:
    """`1 cell`, `2 cells`."""
    return f"{number} {what}{'s' * (number != 1)}"


def _studies(plan: Plan) -> Table:
    table = Table("study", "sweep", title="Studies", title_justify="left")
    for heading in ("cells", "shared", "to run", "alone"):
        table.add_column(heading, justify="right")
    sharing = plan.studies()
    for part in plan.parts:
        shared = sum(len(sharing[cell.id]) > 1 for cell in part.cells)
        needed = [task for task in plan.tasks if part.key in task.sweeps]
        todo = sum(task.kind == "cell" for task in needed)
        time = clock(sum(task.seconds for task in needed))
        row = (part.study.name, part.sweep.name, len(part.cells), shared, todo, time)
        table.add_row(*map(str, row))
    return table


def _cells(plan: Plan) -> Table:
    """Cells that several studies share come first."""
    several = len(plan.parts) > 1
    headings = ["cell", "id", *(["shared by"] if several else []), "state", "time"]
    table = Table(*headings, title="Cells", title_justify="left")
    seconds, sharing = {task.id: task.seconds for task in plan.tasks}, plan.studies()
    for cell in sorted(plan.cells, key=lambda cell: -len(sharing[cell.id]))[:_MOST_ROWS]:
        state = "[green]reused" if cell.id in plan.reused else "to run"
        time = clock(seconds[cell.id]) if seconds.get(cell.id) else ""
        table.add_row(cell.name, cell.id, *([_studies_of(sharing[cell.id])] if several else []), state, time)
    if len(plan.cells) > _MOST_ROWS:
        table.add_row(f"... and {len(plan.cells) - _MOST_ROWS} more")
    return table


def _studies_of(names: list[str]) -> str:
    return f"{len(names)} studies" if len(names) > 1 else ""


def _stages(plan: Plan) -> Table:
    """`unshared`: how much more it would take if every cell that is left did the stage by itself."""
    table = Table(
        "stage", "id", "shared by", "state", "time", "unshared", title="Stages", title_justify="left"
    )
    for item in plan.shared[:_MOST_ROWS]:
        needed = "to run" if item.uses else "not needed"
        state = "[green]ready" if item.ready else needed
        cells = count(item.cells, "cell")
        time = "" if item.ready else clock(item.seconds)
        more = f"+{clock(item.saved)}" if item.saved else ""
        table.add_row(item.stage.name, item.stage.id, cells, state, time, more)
    if len(plan.shared) > _MOST_ROWS:
        table.add_row(f"... and {len(plan.shared) - _MOST_ROWS} more", "", "", "", "", "")
    return table


def summary(plan: Plan, workers: int) -> list[str]:
    """How many cells, what is done once for several, and how long it takes."""
    todo = sum(task.kind == "cell" for task in plan.tasks)
    stages = sum(task.kind == "stage" for task in plan.tasks)
    lines = [
        f"{len(plan.cells)} cells: {len(plan.reused)} reused, {todo} to run; {stages} stages to run first",
    ]
    lines += [_trials(plan, part) for part in plan.parts if part.round is not None]
    if plan.saved():
        lines.append(f"it would be {clock(plan.saved())} of work more if every cell did its stages by itself")
    if (spared := plan.spared()).seconds:
        once = (
            f"{count(spared.cells, 'cell')}, {count(spared.stages, 'stage')}, {clock(spared.seconds)} of work"
        )
        lines.append(f"sharing spares {once} against each study on its own")
    return [*lines, _estimate(plan, workers)]


def _estimate(plan: Plan, workers: int) -> str:
    if not plan.tasks:
        return "nothing to do"
    if not plan.seconds:
        return "no estimate of the time: no cell of this scale has finished yet"
    source = f"from {plan.measured} finished cells" if plan.measured else "a guess: no cell has finished yet"
    team = count(workers, "worker")
    return f"estimated {clock(plan.wall(workers))} with {team} ({clock(plan.seconds)} of work; {source})"


def _trials(plan: Plan, part: Part) -> str:
    """How far a search is, and what the rounds after the next one will take."""
    now, field = part.round, part.sweep.search.field
    ended = f"{now.done} have ended" + (f" ({len(now.pruned)} pruned)" if now.pruned else "")
    later = now.planned - now.done - len(now.open)
    planned = f"{now.planned} trials in {now.settings} settings"
    found = f"search of {field}: {planned}; {ended}, {len(now.open)} in this round, {later} in later ones"
    seconds = [task.seconds for task in plan.tasks if task.id in now.open]
    return (
        f"{found} (about {clock(later * statistics.mean(seconds))} of work)" if later and seconds else found
    )
