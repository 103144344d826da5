"""A tracking server that is there and refuses: for a while, being busy, or for as long as the login is wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import gate
import pytest
from lab_study import result

from ablations import tracking
from ablations.files import read_json

STEPS, PASSWORD = 15, "correct-horse"
Wait = Callable[..., Any]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gate.Gate]:
    """One server for all tests; each has a cell of its own, by its seed."""
    with gate.opened(tmp_path_factory.mktemp("server"), "somebody", PASSWORD) as found:
        yield found


@pytest.fixture
def store(lab: Any, door: gate.Gate, monkeypatch: pytest.MonkeyPatch) -> Iterator[gate.Gate]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", door.url)
    yield door
    door.refuse = None


def refuse(lab: Any, store: gate.Gate, status: int, wait: Wait) -> threading.Thread:
    """Write the sweep; from its cell's second step on, the store answers with this status."""
    lab.write(
        f"axes: {{gain: [1]}}\nseeds: [{status}]\nset: {{steps: {STEPS}, pause: 0.5}}\nlaunch: {{executor: inline}}\n"
    )

    def trouble() -> None:
        wait(lambda: len(lab.steps(f"gain=1 seed={status}")) > 1, seconds=180)
        store.refuse = status

    thread = threading.Thread(target=trouble, daemon=True)
    thread.start()
    return thread


def complete(lab: Any, status: int) -> None:
    """The cell is finished, no step was made twice and each metric is there once."""
    (run,) = lab.cells().values()
    assert run.status == "FINISHED"
    assert lab.steps(run.name) == list(range(1, STEPS + 1))
    assert run.metrics["value"] == result(1, status, STEPS)
    assert [step for step, _ in tracking.history(lab.uri, run.run_id, "loss")] == lab.steps(run.name)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_waited_for(lab: Any, store: gate.Gate, status: int, wait: Wait) -> None:
    trouble = refuse(lab, store, status, wait)

    def calm() -> None:
        trouble.join()
        wait(lambda: len(lab.steps(f"gain=1 seed={status}")) == STEPS, seconds=180)
        before = store.refused
        wait(lambda: store.refused > before + 1, seconds=180)
        store.refuse = None

    threading.Thread(target=calm, daemon=True).start()
    code, shown = lab.launch()
    assert code == 0, shown
    complete(lab, status)
    log = (lab.cell_folder(f"gain=1 seed={status}") / "cell.log").read_text()
    assert "metrics are kept on disk" in log
    assert "trying again" in log


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_login_costs_no_step(lab: Any, store: gate.Gate, status: int, wait: Wait) -> None:
    refuse(lab, store, status, wait)
    code, shown = lab.launch()
    assert code == 1, shown
    assert "is away or refuses; the sweep's run stays open" in shown
    folder = lab.cell_folder(f"gain=1 seed={status}")
    assert lab.steps(f"gain=1 seed={status}") == list(range(1, STEPS + 1)), "it was trained"
    assert f"error code {status}" in read_json(folder / "failed.json")["reason"]
    assert (folder / "metrics.jsonl").exists()
    assert PASSWORD not in shown + (folder / "cell.log").read_text()
    store.refuse = None
    code, shown = lab.launch()
    assert code == 0, shown
    complete(lab, status)


def test_a_login_that_is_refused_from_the_start_launches_nothing(lab: Any, store: gate.Gate) -> None:
    lab.write("axes: {gain: [1]}\nlaunch: {executor: inline}\n")
    store.refuse = 401
    launcher = lab.start()
    output, _ = launcher.communicate(timeout=200)
    assert launcher.returncode == 2, output
    assert "refuses this login" in output
    assert "MLFLOW_TRACKING_PASSWORD" in output
    assert PASSWORD not in output
    assert not lab.runs.exists()
