"""Two people at one sweep: a second one who may not work in the first one's folders is told whose they are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
SWEEP = "axes: {gain: [1, %d]}\nset: {steps: 2}\nlaunch: {executor: local, workers: 1}\n"
pytestmark = pytest.mark.slow


@pytest.fixture
def shared(lab: Any, empty_store: Path) -> Iterator[Any]:
    """A lab where everybody may write, in which one person, root, has run a sweep."""
    if os.geteuid() != 0 or subprocess.run([*AS_NOBODY, sys.executable, "-c", ""], check=False).returncode:
        pytest.skip("only root can be two people, and both need this Python")
    with tempfile.TemporaryDirectory(prefix="ablate-shared-") as name:
        place = replace(lab, folder=Path(name))
        place.folder.chmod(0o777)
        shutil.copy(empty_store, place.folder / "mlflow.db")
        (place.folder / "mlflow.db").chmod(0o666)
        place.write(SWEEP % 2)
        first = place.start()
        output, _ = first.communicate(timeout=200)
        assert first.returncode == 0, output
        yield place


def second(lab: Any) -> str:
    """What the other person is told, who has another store, in which nothing is finished."""
    command = [*AS_NOBODY, sys.executable, "-m", "ablations.cli", "lab", "--grid", "lab.yaml"]
    store = {"MLFLOW_TRACKING_URI": "sqlite:///other.db", "HOME": str(lab.folder)}
    environment = lab.environment() | store
    done = subprocess.run(
        command, cwd=lab.folder, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr


def test_the_folders_of_another_are_named_with_their_owner(shared: Any) -> None:
    (sweep,) = shared.runs.glob("sweeps/*")
    (lanes,) = sweep.glob("lanes/*")
    for private in (sweep, lanes):
        assert private.stat().st_mode & 0o777 == 0o700
    assert list(lanes.glob("*.pkl")), "what submitit runs lies where nobody else can put anything"
    assert "runs: Permission denied, it belongs to root" in second(shared)

    shared.runs.chmod(0o777)
    sweep.parent.chmod(0o777)
    assert f"{sweep} belongs to root: nobody may not work in it" in second(shared)

    shared.write(SWEEP % 3)  # another sweep, but one of its cells is the same
    cell = shared.cell_folder("gain=1 seed=0")
    assert f"{cell} belongs to root: nobody may not work in it" in second(shared)
    assert "--runs" in second(shared)
