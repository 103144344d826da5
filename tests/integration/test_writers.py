"""Many writers, one store: SQLite on one host, and PostgreSQL behind an MLflow server that crashes on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from lab_study import result
from postgres_server import Server

from ablations import tracking

WRITERS = 8
SWEEP = "axes: {gain: [1, 2, 3, 4, 5, 6, 7, 8]}\nset: {steps: %d, pause: 0.05}\nlaunch: {workers: %d}\n"
pytestmark = pytest.mark.slow


def complete(lab: Any, steps: int) -> None:
    """Every cell is finished, and has each metric of each step exactly once."""
    cells = lab.cells()
    assert len(cells) == WRITERS
    for name, run in cells.items():
        assert run.status == "FINISHED"
        assert run.metrics["value"] == result(int(name[5]), 0, steps)
        assert [step for step, _ in tracking.history(lab.uri, run.run_id, "loss")] == list(
            range(1, steps + 1)
        )


def logs(lab: Any) -> str:
    return "".join(file.read_text() for file in lab.runs.rglob("*.log"))


def test_eight_writers_share_a_sqlite_store(lab: Any) -> None:
    lab.write(SWEEP % (60, WRITERS))
    code, shown = lab.launch()
    assert code == 0, shown
    complete(lab, 60)
    assert "locked" not in shown + logs(lab)


def test_postgresql_that_crashes_and_comes_back_loses_nothing(
    lab: Any, server: Server, wait: Callable[..., Any], monkeypatch: Any
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    lab.write(SWEEP % (160, 4))

    def crash() -> None:
        wait(lambda: len(lab.steps("gain=1 seed=0")) > 20)
        server.crash()
        wait(lambda: len(lab.steps("gain=1 seed=0")) == 160)
        time.sleep(1)
        early.extend(lab.runs.glob("*/finished.json"))
        server.start()

    early: list[Any] = []
    trouble = threading.Thread(target=crash, daemon=True)
    trouble.start()
    code, shown = lab.launch()
    trouble.join()
    assert code == 0, shown
    assert early == [], "no cell may be finished before its metrics are delivered"
    complete(lab, 160)
    assert "metrics are kept on disk" in logs(lab)


def test_who_loses_the_race_for_a_dataset_row_tries_again_with_postgresql(
    lab: Any, server: Server, wait: Callable[..., Any], monkeypatch: Any
) -> None:
    import psycopg

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    lab.write("axes: {gain: [1]}\nset: {steps: 40, pause: 0.05}\n")
    blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted"

    def rival() -> None:
        wait(lambda: len(lab.steps("gain=1 seed=0")) > 5)
        with psycopg.connect(server.database_uri) as writing:  # commits at its end
            writing.execute(
                "INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, dataset_source)"
                " SELECT 'rival', experiment_id, 'numbers', 'abc', 'ablate', '{}' FROM runs LIMIT 1"
            )
            with psycopg.connect(server.database_uri, autocommit=True) as watching:
                wait(lambda: watching.execute(blocked).fetchone() == (1,))

    other = threading.Thread(target=rival, daemon=True)
    other.start()
    code, shown = lab.launch()
    other.join()
    assert code == 0, shown
    assert lab.cells()["gain=1 seed=0"].status == "FINISHED"
    assert "UniqueViolation" in logs(lab), "the race did not happen"
