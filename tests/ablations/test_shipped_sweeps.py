"""Every study has a sweep at both scales, and every claim finds cells on both of its sides."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from ablations import grid, studies, sweep
from ablations.pairing import pair, same, sides

SWEEPS = Path(__file__).parents[2] / "sweeps"
FILES = [path for path in sorted(SWEEPS.rglob("*.yaml")) if "study" in yaml.safe_load(path.read_text())]
WITHOUT_CELLS = {"ranking"}


def read(path):
    name = yaml.safe_load(path.read_text())["study"]
    study = studies.get(name)
    system = study.system()
    return study, grid.cells(study, system, sweep.read(path, name, system.scales()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SWEEPS)))
def test_every_claim_has_pairs_over_at_least_three_seeds(path):
    study, cells = read(path)
    frame = pd.DataFrame([{"cell_id": cell.id, "seed": cell.seed, **cell.axes} for cell in cells])
    levels = {axis.field: list(dict.fromkeys(map(_hashable, frame[axis.field]))) for axis in study.axes}
    levels = {field: [yaml.safe_load(value) for value in values] for field, values in levels.items()}
    for claim in study.claims:
        left, right = sides(claim, levels)
        assert not same(left, right), claim.name
        pairs = pair(frame, left, right, [*levels])
        if path.stem != "try":
            assert set(pairs["seed"]) >= {0, 1, 2}, claim.name


def test_every_study_has_a_sweep_at_both_scales():
    found = {(yaml.safe_load(path.read_text())["study"], path.parent.name) for path in FILES}
    for name in set(studies.names()) - WITHOUT_CELLS:
        if studies.target(name).startswith("ablations."):
            assert {(name, "sweeps"), (name, "paper")} <= found


def _hashable(value):
    return yaml.safe_dump(value)
