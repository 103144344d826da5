"""What `ablate why` finds: in the store, in the folders, or in both."""

from __future__ import annotations

import io
import shutil
from typing import Any

import pytest
from rich.console import Console

from ablations import why
from ablations.errors import UserError

SWEEP = "axes: {gain: [1, 2]}\nseeds: [0]\nset: {steps: 6, stage: true}\nlaunch: {executor: inline}\n"


def ask(lab: Any, one: str, other: str) -> str:
    console = Console(file=io.StringIO(), width=100)
    why.show(one, other, lab.runs, lab.uri, console)
    return console.file.getvalue()


def test_two_cells_of_a_sweep(lab: Any) -> None:
    lab.write(SWEEP)
    lab.launch()
    left, right = (run.cell_id for run in lab.cells().values())
    shown = ask(lab, left[:9], right)
    assert "gain=1 seed=0" in shown
    rows = [line.split("│")[1:4] for line in shown.splitlines() if line.startswith("│")]
    assert [part.strip() for part in rows[-1]] == ["gain", "1", "2"]
    assert "steps" not in shown
    shutil.rmtree(lab.runs)
    assert ask(lab, left, right) == shown
    assert ask(lab, left, left) == "Both are the same cell.\n"


def test_cells_of_other_code_differ_in_versions_and_facts(lab: Any) -> None:
    from mlflow import MlflowClient

    lab.write(SWEEP)
    lab.launch()
    left, right = lab.cells().values()
    store = MlflowClient(tracking_uri=lab.uri)
    store.set_tag(right.run_id, "version.torch", "9.9")
    store.set_tag(right.run_id, "stage.base", "elsewhere")
    store.log_metric(right.run_id, "fact.tokens", 11)
    known = [why.find(run.cell_id, lab.runs, lab.uri) for run in (left, right)]
    found = why.compare(*known)
    assert found["facts"] == [("fact.tokens", "10", "11")]
    assert [row[2] for row in found["versions"]] == ["9.9"]
    assert [row[2] for row in found["stages"]] == ["elsewhere"]


def test_no_cell_several_cells_and_nonsense_are_said(lab: Any) -> None:
    with pytest.raises(UserError, match="found: none"):
        ask(lab, "ab", "cd")
    for name in ("ab1", "ab2"):
        (lab.runs / name).mkdir(parents=True)
        (lab.runs / name / "config.json").write_text("{}")
    with pytest.raises(UserError, match="ab1, ab2"):
        ask(lab, "ab", "ab1")
    with pytest.raises(UserError, match="no id"):
        ask(lab, "a' OR 1", "ab1")
    assert "settings are the same" in ask(lab, "ab1", "ab2")
