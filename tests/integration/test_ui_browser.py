"""`ablate ui` as people see it: in a browser, without a screen."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 60_000
"""Milliseconds of the page's own clock in which it fetches and draws."""

pytestmark = [pytest.mark.slow, pytest.mark.browser]
if CHROMIUM is None and not os.environ.get("REQUIRE_BROWSER"):
    pytestmark.append(pytest.mark.skip(reason="no chromium on this machine"))


def dom(url: str) -> str:
    """The page once it has drawn itself."""
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--virtual-time-budget={PATIENCE}"]
    shown = subprocess.run(
        [CHROMIUM, *options, "--dump-dom", url], capture_output=True, text=True, timeout=120
    )
    return shown.stdout


@pytest.fixture
def ui(lab: Any, wait: Callable[..., Any]) -> Iterator[str]:
    """Two finished cells, and the address at which they can be looked at."""
    lab.write("axes: {gain: [1, 2]}\nlaunch: {executor: inline}\n")
    assert lab.launch()[0] == 0
    command = [sys.executable, "-m", "ablations.cli", "ui", "--port", "0"]
    server = subprocess.Popen(
        command, cwd=lab.folder, env=lab.environment(), stdout=subprocess.PIPE, text=True
    )
    url = server.stdout.readline().split()[2]
    try:
        wait(lambda: _answers(url))
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)


def test_runs_are_visible(ui: str, lab: Any) -> None:
    study, _, _ = lab.grid()
    runs = lab.cells()
    (parent,) = {run.tags["mlflow.parentRunId"] for run in runs.values()}
    (experiment,) = _experiments(lab.uri)

    overview = dom(f"{ui}/#/experiments/{experiment}/runs")
    assert study.question in overview
    assert "lab · micro · 2 cells" in overview

    sweep = dom(f"{ui}/#/experiments/{experiment}/runs/{parent}")
    assert all(name in sweep for name in ("gain=1 seed=0", "gain=2 seed=0"))

    cell = runs["gain=2 seed=0"]
    shown = dom(f"{ui}/#/experiments/{experiment}/runs/{cell.run_id}")
    assert "gain=2 seed=0" in shown and cell.cell_id in shown
    assert all(name in shown for name in cell.metrics)


def _experiments(uri: str) -> list[str]:
    from mlflow.tracking import MlflowClient

    return [found.experiment_id for found in MlflowClient(uri).search_experiments() if "/" in found.name]


def _answers(url: str) -> bool:
    try:
        return urllib.request.urlopen(f"{url}/health", timeout=5).status == 200
    except OSError:
        return False
