"""What a page says of its own making: distinct cells, their work, the machine, and what studies share."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from reports import provenance as module
from reports.build import build
from reports.frame import read
from reports.provenance import Provenance, provenance


@pytest.fixture(scope="module")
def made(shared: str) -> Provenance:
    return provenance([read("demo", shared), read("second", shared)])


def test_a_shared_cell_counts_once(made: Provenance, shared: str) -> None:
    assert made.cells == 6
    alone = provenance([read("demo", shared)])
    assert made.seconds == pytest.approx(alone.seconds)
    assert made.elapsed == pytest.approx(alone.elapsed)


def test_a_pause_between_two_sittings_is_no_work() -> None:
    rows = [
        {"start": 0.0, "end": 120.0, "minutes": 2.0},
        {"start": 60.0, "end": 180.0, "minutes": 2.0},  # beside the first
        {"start": 150.0, "end": 9060.0, "minutes": 1.0},  # interrupted, and finished hours later
        {"start": 9030.0, "end": 9090.0, "minutes": 1.0},
    ]
    assert module._covered(pd.DataFrame(rows)) == 180 + 90


def test_studies_know_what_they_share(made: Provenance, shared: str) -> None:
    assert made.shared("demo") == {"second": 3}
    assert made.shared("second") == {"demo": 3}
    both = set(read("second", shared).cells["cell_id"])
    assert {cell for cell, studies in made.studies.items() if studies == ["demo", "second"]} == both
    assert {len(studies) for studies in made.studies.values()} == {1, 2}


def test_the_machine_is_named(made: Provenance, shared: str, tmp_path: Path) -> None:
    (machine,) = made.machines
    assert machine.endswith(f", {os.cpu_count()} cores")
    build(None, tmp_path, shared)
    page = (tmp_path / "index.html").read_text()
    assert f"on {machine}" in page
    assert "Cells shared with other studies, trained once: 3 with second." in page
    assert page.count("2 studies</td>") == 6
