"""What one plan saved against every study on its own: measured seconds of finished cells and of stages trained here.

Work is summed over workers. Stages that came ready-made with the zoo cost neither side anything.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from ablations import tracking
from ablations.files import read_json
from ablations.tracking import CellRun


def work(runs: Iterable[CellRun], stages: Path) -> float:
    """Seconds of these cells and of the stages they start from, each once."""
    found = {run.cell_id: run for run in runs}
    needed = {
        value for run in found.values() for name, value in run.tags.items() if name.startswith("stage.")
    }
    trained = [read_json(stages / stage / "finished.json") or {} for stage in sorted(needed)]
    return sum(run.seconds for run in found.values()) + sum(entry.get("seconds", 0.0) for entry in trained)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tracking-uri", default=tracking.default_uri())
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    arguments = parser.parse_args()
    stages, ids, alone = arguments.runs / "stages", defaultdict(set), 0.0
    # A study may have been swept again, with more seeds: then it has the cells of both sweeps.
    for sweep in tracking.sweeps(arguments.tracking_uri):
        ids[sweep.declaration["study"]["name"]] |= {cell["id"] for cell in sweep.declaration["cells"]}
    together = []
    for study, wanted in ids.items():
        runs = [run for run in tracking.cells(arguments.tracking_uri, [*wanted]) if run.status == "FINISHED"]
        own = work(runs, stages)
        print(f"{study}: {len(runs)} cells, {own / 60:.0f} min")
        alone, together = alone + own, [*together, *runs]
    if not together:
        raise SystemExit("no finished cells")
    once = work(together, stages)
    print(f"one by one {alone / 3600:.2f} h, as one plan {once / 3600:.2f} h: ratio {alone / once:.2f}")


if __name__ == "__main__":
    main()
