"""The lab study, run for real: in this process, or as people run it."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

LAB = Path(__file__).parent / "lab"
sys.path[:0] = [str(LAB), str(Path(__file__).parent)]
MODULES = os.pathsep.join(filter(None, [str(LAB), os.environ.get("PYTHONPATH")]))


@dataclass
class Lab:
    """A folder with a sweep file, a run folder and a store."""

    folder: Path

    @property
    def uri(self) -> str:
        return os.environ["MLFLOW_TRACKING_URI"]

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    def write(self, text: str) -> None:
        """The sweep file."""
        (self.folder / "lab.yaml").write_text(text)

    def grid(self) -> tuple[Any, Any, Any]:
        """Study, sweep and cells as the command makes them."""
        from ablations import grid, studies, sweep

        study = studies.get("lab")
        wanted = sweep.read(self.folder / "lab.yaml", "lab", ["micro"])
        return study, wanted, grid.cells(study, study.system(), wanted)

    def launch(self) -> tuple[int, str]:
        """Run the sweep from this process: exit code and what the terminal shows."""
        from ablations import launch, plan, tracking
        from ablations.part import Part

        study, wanted, cells = self.grid()
        done = [run.cell_id for run in tracking.finished(self.uri, [cell.id for cell in cells])]
        todo = plan.make([Part(study, wanted, study.system(), cells)], self.runs / "stages", done)
        console = Console(file=io.StringIO(), width=100)
        code = launch.run(todo, wanted.launch, self.runs, console)
        return code, console.file.getvalue()

    def cells(self) -> dict[str, Any]:
        """The cells' runs in the store, by name."""
        from ablations import tracking

        ids = [cell.id for cell in self.grid()[2]]
        return {run.name: run for run in tracking.cells(self.uri, ids)}

    def cell_folder(self, name: str) -> Path:
        return self.runs / next(cell.id for cell in self.grid()[2] if cell.name == name)

    def steps(self, name: str) -> list[int]:
        """Steps the cell has made, over all its attempts."""
        file = self.cell_folder(name) / "steps.txt"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def start(self) -> subprocess.Popen[str]:
        """`ablate lab --grid lab.yaml` in a session of its own, as a terminal would have it."""
        return subprocess.Popen(
            [sys.executable, "-m", "ablations.cli", "lab", "--grid", "lab.yaml"],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
        return kept | {"PYTHONPATH": MODULES, "MLFLOW_TRACKING_URI": self.uri, "OMP_NUM_THREADS": "1"}


def wait_until(true: Callable[[], Any], seconds: float = 60) -> Any:
    """What `true` returns, once it is not empty."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return found


@pytest.fixture
def wait() -> Callable[..., Any]:
    return wait_until


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that has been initialised, which takes seconds."""
    from ablations.tracking.store import client

    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    client(f"sqlite:///{file}")
    return file


@pytest.fixture
def lab(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A lab in a folder with an empty store, which is the working directory."""
    place = Lab(tmp_path)
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("PYTHONPATH", MODULES)
    yield place


@pytest.fixture(scope="session")
def slurm() -> Iterator[Any]:
    """A real Slurm of two nodes; without the programs the tests skip, unless REQUIRE_SLURM=1."""
    from slurm_cluster import Cluster, missing

    if absent := missing():
        reason = f"no Slurm here: {', '.join(absent)} not installed"
        pytest.fail(reason) if os.environ.get("REQUIRE_SLURM") == "1" else pytest.skip(reason)
    cluster = Cluster(max_array=11)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def server() -> Iterator[Any]:
    """PostgreSQL and MLflow; without the programs the test skips, unless REQUIRE_POSTGRES=1."""
    from postgres_server import Server, missing

    if absent := missing():
        reason = f"no PostgreSQL here: {', '.join(absent)} not installed"
        pytest.fail(reason) if os.environ.get("REQUIRE_POSTGRES") == "1" else pytest.skip(reason)
    server = Server()
    try:
        server.start()
        yield server
    finally:
        server.remove()
