"""Planning 100,000 cells: from the sweep file to the plan, nothing reused and nothing ready."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from ablations import plan, suite

RATES, SEEDS, REPEATS = 1000, 5, 3


def sweep(rates: int) -> str:
    """Resolutions x tokens x connectors x learning rates x seeds."""
    axes = {
        "encoder.resolution": [16, 24, 32, 48, 56],
        "connector.tokens": [4, 9],
        "connector.type": ["average-pool", "c-abstractor"],
        "training.learning_rate": [1e-4 * (1 + rate / rates) for rate in range(rates)],
    }
    return json.dumps({"seeds": list(range(SEEDS)), "axes": axes})


def measure(file: Path) -> str:
    """One line: cells, seconds from file to plan, and the shares of resolving cells and of planning them."""
    begun = time.perf_counter()
    parts, _ = suite.read("encoder-resolution", file)
    resolved = time.perf_counter()
    cells = len(plan.make(parts, file.parent, []).cells)
    ended = time.perf_counter()
    parts_of = f"cells {resolved - begun:.1f} s, plan {ended - resolved:.1f} s"
    return f"{cells:,} cells: {ended - begun:.1f} s ({parts_of})"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sweep.yaml"
        file.write_text(sweep(RATES))
        for _ in range(REPEATS):
            print(measure(file))


if __name__ == "__main__":
    main()
