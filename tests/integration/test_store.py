"""The store under stress: made by several at once, locked, away for a while, and shown by the UI."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab_study import STUDY, result

from ablations import tracking
from ablations.cell import Cell
from ablations.system import Outcome
from ablations.tracking import write

INLINE = "axes: {gain: [1, 2]}\nlaunch: {executor: inline}\n"
Wait = Callable[..., Any]


@pytest.mark.slow
def test_four_processes_may_make_a_fresh_store_at_once(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    code = f"from ablations.tracking.store import client; print(len(client({uri!r}).search_experiments()))"
    racers = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    assert [racer.communicate(timeout=120)[0].strip() for racer in racers] == ["1"] * 4


def test_reading_makes_no_store(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert tracking.finished(uri, ["ab"]) == []
    assert tracking.sweeps(uri) == []
    assert list(tmp_path.iterdir()) == []


def test_more_cells_than_are_asked_for_one_by_one(lab: Any) -> None:
    cells = [Cell(f"id{n:03}", "lab", "micro", n, {"gain": 1}, {"gain": 1, "seed": n}) for n in range(45)]
    about = {"id": "many", "name": "many", "scale": "micro"}
    parent = tracking.begin_sweep(lab.uri, "trial", STUDY, about, cells)
    runs = {cell.id: tracking.begin_cell(lab.uri, "trial", STUDY, "many", parent, cell, {}) for cell in cells}
    for cell in cells[:3]:
        tracking.finish_cell(lab.uri, runs[cell.id], Outcome({"score": 1.0}), seconds=2.0)
    ids = [cell.id for cell in cells]
    done = tracking.finished(lab.uri, ids)
    assert [(run.cell_id, run.run_id, run.seconds) for run in done] == [(i, runs[i], 2.0) for i in ids[:3]]
    assert [run.cell_id for run in tracking.cells(lab.uri, ids)] == ids
    assert tracking.begin_cell(lab.uri, "trial", STUDY, "many", parent, cells[5], {}) == runs["id005"]


def test_a_run_that_goes_on_says_what_code_it_goes_on_with(lab: Any, monkeypatch: Any) -> None:
    cell = Cell("id0", "lab", "micro", 0, {"gain": 1}, {"gain": 1, "seed": 0})
    parent = tracking.begin_sweep(lab.uri, "trial", STUDY, {"id": "s", "name": "s", "scale": "micro"}, [cell])
    for commit in ("a", "a", "b", "c", "c"):
        monkeypatch.setattr(write, "provenance", lambda commit=commit: {"git.commit": commit})
        tracking.begin_cell(lab.uri, "trial", STUDY, "s", parent, cell, {})
    (run,) = tracking.cells(lab.uri, ["id0"])
    assert (run.tags["git.commit"], run.tags["git.earlier"]) == ("c", "a b")
    assert run.params == {"gain": "1", "seed": "0"}


def test_a_store_locked_for_a_while_loses_nothing(lab: Any) -> None:
    lab.write(INLINE + "set: {steps: 8, pause: 0.2}\n")
    locked = threading.Thread(target=_lock_for, args=(lab.folder / "mlflow.db", 1.0, 3.0), daemon=True)
    locked.start()
    code, shown = lab.launch()
    locked.join()
    assert code == 0, shown
    for run in lab.cells().values():
        assert run.status == "FINISHED"
        assert len(tracking.history(lab.uri, run.run_id, "loss")) == 8


def _lock_for(file: Path, after: float, seconds: float) -> None:
    time.sleep(after)
    with sqlite3.connect(file, isolation_level=None, timeout=20) as store:
        store.execute("begin exclusive")
        time.sleep(seconds)
        store.execute("rollback")


@pytest.mark.slow
def test_the_ui_shows_the_runs_on_a_free_port_and_ends_with_its_server(lab: Any, wait: Wait) -> None:
    lab.write(INLINE)
    assert lab.launch()[0] == 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [sys.executable, "-m", "ablations.cli", "ui", "--port", str(taken.getsockname()[1])]
        ui = subprocess.Popen(
            command, cwd=lab.folder, env=lab.environment(), stdout=subprocess.PIPE, text=True
        )
        url = ui.stdout.readline().split()[2]
        assert f":{taken.getsockname()[1]}" not in url
    assert "ssh -L" in ui.stdout.readline()
    try:
        wait(lambda: _answers(f"{url}/health"))
        experiments = _post(f"{url}/api/2.0/mlflow/experiments/search", {"max_results": 10})["experiments"]
        (found,) = [e for e in experiments if e["name"].endswith("/lab")]
        body = {"experiment_ids": [found["experiment_id"]]}
        runs = _post(f"{url}/api/2.0/mlflow/runs/search", body)["runs"]
        names = {run["info"]["run_name"] for run in runs}
        assert names >= {"gain=1 seed=0", "gain=2 seed=0"}
        (parent,) = [run["info"]["run_id"] for run in runs if "cells" in run["info"]["run_name"]]
        kept = f"{url}/get-artifact?path=sweep.json&run_uuid={parent}"
        with urllib.request.urlopen(kept, timeout=10) as answer:
            assert json.load(answer)["study"]["name"] == "lab"
    finally:
        ui.send_signal(signal.SIGTERM)
        ui.wait(timeout=30)
    assert not _answers(f"{url}/health")


def _answers(url: str) -> bool:
    try:
        return urllib.request.urlopen(url, timeout=5).status == 200
    except OSError:
        return False


def _post(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_a_server_that_goes_away_and_comes_back_loses_nothing(lab: Any, wait: Wait, monkeypatch: Any) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    server = _serve(lab, port, wait)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    lab.write("axes: {gain: [1]}\nset: {steps: 16, pause: 0.5}\nlaunch: {executor: inline}\n")
    returned: list[subprocess.Popen[bytes]] = []

    def away() -> None:
        wait(lambda: len(lab.steps("gain=1 seed=0")) > 1)
        _stop(server)
        wait(lambda: len(lab.steps("gain=1 seed=0")) == 16)
        time.sleep(1)
        returned.append(_serve(lab, port, wait))

    trouble = threading.Thread(target=away, daemon=True)
    trouble.start()
    code, shown = lab.launch()
    trouble.join()
    try:
        assert code == 0, shown
        (run,) = lab.cells().values()
        assert run.metrics["value"] == result(1, 0, 16)
        assert [step for step, _ in tracking.history(url, run.run_id, "loss")] == list(range(1, 17))
        assert "metrics are kept on disk" in (lab.runs / run.cell_id / "cell.log").read_text()
    finally:
        _stop(returned[0])


def _serve(lab: Any, port: int, wait: Wait) -> subprocess.Popen[bytes]:
    store = [
        "--backend-store-uri",
        f"sqlite:///{lab.folder}/mlflow.db",
        "--artifacts-destination",
        str(lab.folder),
    ]
    command = [sys.executable, "-m", "mlflow", "server", *store, "--port", str(port), "--workers", "1"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, cwd=lab.folder, start_new_session=True, **quiet)
    wait(lambda: _answers(f"http://127.0.0.1:{port}/health"))
    return server


def _stop(server: subprocess.Popen[bytes]) -> None:
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
