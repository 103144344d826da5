"""What the harness adds to a cell: the same two cells through `ablate` and in a bare loop over `mm1.cell.run`.

python -m benchmarks.overhead
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import interleave, seconds

_CELLS, _REPEATS, _REFERENCE = 4, 3, 60.0
_SWEEP = """
study: encoder-resolution
seeds: 0-{last}
axes: {{encoder.resolution: [16]}}
set:
  training.steps: 20
  evaluation.items: 10
  data.world: {{captions: 300, interleaved: 100, text: 200, benchmark_items: 12, shot_pool: 60}}
launch: {{executor: local, workers: 1}}
"""
_BARE = """
import sys, torch
from pathlib import Path
import datasets
datasets.disable_progress_bars()
torch.set_num_threads(1)
from ablations import grid, studies, sweep
from mm1 import cell
from mm1.config import Experiment
from mm1.stages import weights
study = studies.get("encoder-resolution")
system = study.system()
wanted = sweep.read(Path(sys.argv[1]), study.name, system.scales())
root = Path(sys.argv[2])
for one in grid.cells(study, system, wanted):
    starts = {stage.name: weights(stage.id, root / stage.id) for stage in system.stages(one.config)}
    folder = root / one.id
    folder.mkdir(parents=True)
    cell.run(Experiment.model_validate(one.config), folder, root, starts, lambda *_, **__: None)
"""


def main() -> None:
    """Measure; a cell's overhead does not depend on its length, so it is given against a 60-second cell too."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sweep = folder / "sweep.yaml"
        sweep.write_text(_SWEEP.format(last=_CELLS - 1))
        counter = iter(range(1000))
        ours, bare = interleave(
            lambda: seconds(lambda: _through_ablate(sweep, folder / f"a{next(counter)}")),
            lambda: seconds(lambda: _bare(sweep, folder / f"b{next(counter)}")),
            _REPEATS,
        )
    extra = sorted((a - b) / _CELLS for a, b in zip(ours, bare, strict=True))[_REPEATS // 2]
    print(f"{_CELLS} cells: through ablate {sorted(ours)[1]:.1f} s, in a bare script {sorted(bare)[1]:.1f} s")
    print(f"overhead per cell {extra:.2f} s, {extra / _REFERENCE:.1%} of a 60-second cell")


def _through_ablate(sweep: Path, work: Path) -> None:
    work.mkdir()
    command = [sys.executable, "-m", "ablations.cli", "encoder-resolution", "--grid", str(sweep)]
    subprocess.run(command, cwd=work, check=True, capture_output=True)


def _bare(sweep: Path, work: Path) -> None:
    work.mkdir()
    subprocess.run(
        [sys.executable, "-c", _BARE, str(sweep), str(work)], cwd=work, check=True, capture_output=True
    )


if __name__ == "__main__":
    main()
