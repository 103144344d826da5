"""`ablate status`: what runs, what is done, what failed and why, from the run folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ablations.files import holder, read_json
from ablations.progress import table
from ablations.worker import task_folder

if TYPE_CHECKING:
    from rich.console import Console


def show(runs: Path, console: Console) -> int:
    """Print every sweep of the run folder; 1 if a cell failed in its last launch."""
    plans = sorted(runs.glob("sweeps/*/plan.json"), key=lambda path: path.stat().st_mtime)
    if not plans:
        console.print(f"No sweep has been run in {runs}.", highlight=False)
    failed = 0
    for path in plans:
        planned = read_json(path)
        if planned is None:
            continue
        here = holder(path.parent / "launcher.json")
        where = f"running: process {here['pid']} on {here['host']}" if here else "not running"
        console.print(table(planned["tasks"], runs, planned["workers"], f"sweep {planned['sweep']}, {where}"))
        for task in planned["tasks"]:
            mark = read_json(task_folder(runs, task) / "failed.json")
            if mark is not None:
                failed += 1
                console.print(f"[red]{task['name']}[/]: {mark['reason']}", highlight=False)
    return int(failed > 0)
