"""1,000 trivial cells on the tests' Slurm: sending them, asking how they do, cancelling them, then running them.

Needs Slurm installed.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

CELLS = 1000
TESTS = Path(__file__).parents[1] / "tests" / "integration"
sys.path[:0] = [str(TESTS), str(TESTS / "lab")]


def timed(what: str, do: Callable[[], object]) -> None:
    """Do it and print how long it took."""
    begun = time.perf_counter()
    do()
    print(f"{what}: {time.perf_counter() - begun:.2f} s", flush=True)


def plan(folder: Path) -> None:
    """Lay out the sweep; its jobs stay in the queue because nothing may start."""
    from ablations import lanes, launch, preflight, slurm, suite
    from ablations import plan as plans

    (folder / "lab.yaml").write_text(
        f"axes: {{gain: [1]}}\nseeds: 0-{CELLS - 1}\nlaunch: {{executor: slurm, mem_gb: 1}}\n"
    )
    uri = f"sqlite:///{folder}/mlflow.db"
    preflight.check(folder / "runs", uri)
    parts, settings = suite.read("lab", folder / "lab.yaml")
    todo = plans.make(parts, folder / "runs" / "stages", [])
    place = folder / "runs" / "sweeps" / launch.plan_id(todo)
    place.mkdir(parents=True, mode=0o700)
    begun = launch._declare(uri, todo)
    work = launch._lay_out(place, todo, begun, {"tracking_uri": uri, "workers": lanes.workers(settings)})
    timed(f"send {CELLS} jobs", lambda: slurm.submit(work, settings))
    timed("ask for the queue", lambda: print(len(slurm.queue(work)), "jobs"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"launcher: {peak:.0f} MB at most")


def run_through(folder: Path) -> None:
    """The same cells to their end, fifty in a job, as a user starts them."""
    launch = "launch: {executor: slurm, workers: 4, cells_per_task: 50, mem_gb: 1}"
    (folder / "lab.yaml").write_text(f"axes: {{gain: [1]}}\nseeds: 0-{CELLS - 1}\n{launch}\n")
    command = [sys.executable, "-m", "ablations.cli", "lab", "--grid", "lab.yaml"]
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True)


def main() -> None:
    from slurm_cluster import Cluster

    os.environ["PYTHONPATH"] = str(TESTS / "lab")
    cluster = Cluster(max_array=10_001)
    try:
        timed("start the cluster", cluster.start)
        cluster.out("scontrol", "update", "partitionname=main", "state=down")
        with tempfile.TemporaryDirectory() as folder:
            plan(Path(folder))
            ablate = [sys.executable, "-m", "ablations.cli"]
            options = ["--runs", f"{folder}/runs"]
            silent = {"stdout": subprocess.DEVNULL, "check": True}
            timed("ablate status", lambda: subprocess.run([*ablate, "status", *options], **silent))
            timed("ablate cancel", lambda: subprocess.run([*ablate, "cancel", "", *options], **silent))
            cluster.out("scontrol", "update", "partitionname=main", "state=up")
            with tempfile.TemporaryDirectory() as fresh:
                timed(f"run {CELLS} cells through", lambda: run_through(Path(fresh)))
    finally:
        timed("stop the cluster", cluster.stop)


if __name__ == "__main__":
    main()
