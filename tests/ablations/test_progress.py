"""What people see while a sweep runs."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from ablations import progress as module
from ablations import status
from ablations.files import lease, write_json
from ablations.progress import Progress, table
from ablations.work import Work


def make(folder: Path, cells: int = 3) -> Work:
    about = {"kind": "cell", "needs": [], "seconds": 60.0, "payload": {}}
    tasks = [{**about, "id": f"c{n}", "name": f"cell {n}"} for n in range(cells)]
    file = folder / "sweeps" / "abc" / "plan.json"
    file.parent.mkdir(parents=True)
    launched = {"id": "abc", "launch_id": "now", "workers": 2, "sweeps": {"s": {"name": "res"}}}
    write_json(file, {**launched, "tasks": tasks})
    for task in tasks:
        (folder / task["id"]).mkdir()
    return Work.read(file)


def told(folder: Path, step: int, total: int, seconds: float, first: int = 0) -> None:
    now = time.time()
    where = {"phase": "train", "phase_seconds": seconds, "phase_step": first, "loss": 1.25}
    when = {"seconds": seconds, "updated": now, "pid": 1}
    write_json(folder / "progress.json", {**where, **when, "step": step, "total": total})


def text(work: Work, rows: int | None = None) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(table(work, rows=rows))
    return console.file.getvalue()


def test_the_table_counts_and_estimates(tmp_path: Path) -> None:
    work = make(tmp_path)
    write_json(tmp_path / "c0" / "finished.json", {"seconds": 30.0})
    told(tmp_path / "c1", 60, 80, seconds=10, first=40)
    with lease(tmp_path / "c1" / "lease.json"):
        shown = text(work)
    assert "1 done · 0 failed · 1 running · 1 waiting · about 0:25 left" in shown  # (20 + 30) s on two lanes
    row = next(line for line in shown.splitlines() if "cell 1" in line)
    for part in ("running", "train", "60/80", "1.250", "0:10"):
        assert part in row


def test_where_rows_are_short_those_that_run_or_failed_are_shown(tmp_path: Path) -> None:
    work = make(tmp_path, cells=60)
    write_json(tmp_path / "c50" / "failed.json", {"reason": "x", "launch": "now"})
    told(tmp_path / "c55", 1, 2, seconds=1)
    with lease(tmp_path / "c55" / "lease.json"):
        shown = text(work, rows=6)
    assert "cell 50" in shown
    assert "cell 55" in shown
    assert "… and 55 more" in shown


def test_without_a_terminal_a_line_for_every_change_and_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HEARTBEAT", 0.0)
    work = make(tmp_path)
    console = Console(file=io.StringIO(), width=100)
    with Progress(work, console) as shown:
        told(tmp_path / "c1", 60, 80, seconds=10, first=40)
        with lease(tmp_path / "c1" / "lease.json"):
            shown.refresh()
            shown.refresh()
        write_json(tmp_path / "c1" / "finished.json", {"seconds": 1})
        shown.note("stopping")
    lines = [line[10:] for line in console.file.getvalue().splitlines()]
    assert lines == [
        "cell 1: running  (0/3 done)",
        "cell 1  train  60/80  loss 1.250  0:10",
        "stopping",
        "cell 1: finished  (1/3 done)",
    ]


def test_status_tells_failures_with_their_reason(tmp_path: Path) -> None:
    work = make(tmp_path)
    console = Console(file=io.StringIO(), width=100)
    assert status.show(tmp_path, console) == 0
    work.fail(work.tasks[0], "loss is not finite [nan]")
    assert status.show(tmp_path, console) == 1
    assert "cell 0: loss is not finite [nan]" in console.file.getvalue()
    assert "sweep res (abc), not running" in console.file.getvalue()
    empty = Console(file=io.StringIO(), width=100)
    assert status.show(tmp_path / "none", empty) == 0
    assert "No sweep has been run" in empty.file.getvalue()
