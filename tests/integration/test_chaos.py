"""A sweep that is killed at random moments, many times, ends with the table of one that nobody disturbed.

`CHAOS_SEED` and `CHAOS_BLOWS` choose the moments and how many; `nox -s chaos` goes through many seeds.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from lab_study import CHECKPOINT_EVERY, result

from ablations import tracking
from reports import build

SEED, BLOWS = (int(os.environ.get(f"CHAOS_{name}", default)) for name, default in (("SEED", 0), ("BLOWS", 4)))
STEPS, WORKERS, GAINS, SEEDS = 30, 2, (1, 2, 3), (0, 1)
SWEEP = (
    f"axes: {{gain: {list(GAINS)}}}\nseeds: {list(SEEDS)}\n"
    f"set: {{steps: {STEPS}, pause: 0.1, stage: true}}\nlaunch: {{executor: local, workers: {WORKERS}}}\n"
)


@pytest.mark.slow
def test_random_kills_change_no_number(lab: Any, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(SEED)
    lab.write(SWEEP)
    dealt = [blow for _ in range(BLOWS) if (blow := _strike(lab, chance))]
    print(f"seed {SEED}:", *dealt, sep="\n  ")
    launcher = lab.start()
    shown, _ = launcher.communicate(timeout=120)
    assert launcher.returncode == 0, shown
    table = _tables(lab)
    runs = lab.cells()
    assert len(runs) == len(GAINS) * len(SEEDS)
    repeated = 0
    for name, run in runs.items():
        steps = lab.steps(name)
        assert set(steps) == set(range(1, STEPS + 1)), "no step is lost"
        repeated += len(steps) - STEPS
        curve = tracking.history(lab.uri, run.run_id, "loss")
        assert curve == [(step, 1 / step) for step in range(1, STEPS + 1)], "each step is in the curve, once"
        gain, seed = int(run.tags["axis.gain"]), int(run.tags["seed"])
        assert run.metrics["value"] == result(gain, seed, STEPS)
    assert repeated <= len(dealt) * WORKERS * CHECKPOINT_EVERY, (
        "none but those since a checkpoint is repeated"
    )
    quiet = _elsewhere(lab, empty_store, monkeypatch)
    code, shown = quiet.launch()
    assert code == 0, shown
    assert _tables(quiet) == table


def _strike(lab: Any, chance: random.Random) -> str | None:
    """Start the sweep, or follow it, and kill something of it a little later; what it was, None if it was over."""
    launcher = lab.start()
    moment = chance.uniform(0.5, 9)
    with suppress(subprocess.TimeoutExpired):
        launcher.communicate(timeout=moment)
        return None
    what = chance.choice(("launcher", "worker", "all", "ctrl-c"))
    if what == "ctrl-c":
        os.killpg(launcher.pid, signal.SIGINT)
    else:
        others = list(_processes(lab.runs))
        chance.shuffle(others)
        victims = {"launcher": [launcher.pid], "worker": others[:1], "all": [launcher.pid, *others]}
        for pid in victims[what]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    if what == "worker":
        time.sleep(chance.uniform(0, 2))  # the launcher may have begun to replace it
        launcher.kill()
    launcher.communicate(timeout=60)
    return f"{what} after {moment:.1f} s"


def _processes(runs: Path) -> Iterator[int]:
    """Workers on that folder, and the processes that watch them."""
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str(runs) in (place / "cmdline").read_text():
                yield int(place.name)


def _tables(lab: Any) -> dict[str, str]:
    build.build(["lab"], lab.folder / "out", lab.uri)
    return {file.name: file.read_text() for file in (lab.folder / "out" / "lab").glob("*.csv")}


def _elsewhere(lab: Any, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same sweep file in a folder and a store of its own."""
    folder = lab.folder / "quiet"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    shutil.copy(lab.folder / "lab.yaml", folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    return type(lab)(folder)
