"""An id means one configuration: drift is an error with a diff, and data on disk is part of identity."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ablations import drift, studies, suite
from ablations.cell import Cell
from ablations.errors import UserError
from ablations.part import Part
from ablations.tracking import CellRun

GRID = "axes: {model.width: [8, 16]}\n"


@pytest.fixture
def part(tmp_path: Path) -> Part:
    (tmp_path / "toy.yaml").write_text(GRID)
    return suite.read("toy", tmp_path / "toy.yaml")[0][0]


def write(runs: Path, cell: Cell, **changes: Any) -> None:
    (runs / cell.id).mkdir(parents=True)
    config = {**cell.config, "model": {**cell.config["model"], **changes}}
    (runs / cell.id / "config.json").write_text(json.dumps(config))


def run_of(cell: Cell, **changes: str) -> CellRun:
    params = {**drift.texts(cell.config), **changes}
    return CellRun("r", cell.id, cell.name, "FINISHED", {}, params, {}, 0, 1, "")


def test_what_was_run_as_it_is_passes(part: Part, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    drift.check([part], runs, [])
    for cell in part.cells:
        write(runs, cell)
    drift.check([part], runs, [run_of(cell) for cell in part.cells])


def test_a_drifted_folder_is_an_error_that_says_what_differs(part: Part, tmp_path: Path) -> None:
    runs, cell = tmp_path / "runs", part.cells[1]
    write(runs, part.cells[0])
    write(runs, cell, depth=3, old=True)
    with pytest.raises(UserError) as caught:
        drift.check([part], runs, [])
    for text in (cell.id, cell.name, "config.json", "model.depth: was 3, is 2", "model.old: was True, is -"):
        assert text in str(caught.value)


def test_a_drifted_run_is_an_error_and_one_without_parameters_tells_nothing(
    part: Part, tmp_path: Path
) -> None:
    cell = part.cells[0]
    with pytest.raises(UserError, match=r"finished run(.|\n)*training\.rate: was 0\.2, is 0\.1"):
        drift.check([part], tmp_path / "runs", [run_of(cell, **{"training.rate": "0.2"})])
    drift.check([part], tmp_path / "runs", [CellRun("r", cell.id, "", "FINISHED", {}, {}, {}, 0, 1, "")])


def test_long_values_are_compared_as_far_as_the_store_keeps_them(part: Part) -> None:
    texts = drift.texts({"a": "x" * 10_000, "b": (1, 2)})
    assert drift.differences(texts, drift.texts({"a": "x" * 9_000, "b": [1, 2]})) == []


def test_files_on_disk_are_part_of_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", f"{tmp_path}/cache")
    shard = tmp_path / "data-000.jsonl"

    def address() -> str:
        system = studies.get("encoder-resolution").system()
        source = {"format": "jsonl", "path": f"{tmp_path}/data-*.jsonl"}
        config = system.resolve(
            {"data.sources": {"captions": source}, "data.world": None, "data.mix": {"captions": 1}}, "micro"
        )
        return json.dumps(system.identity(config), sort_keys=True)

    def resolve() -> str:
        shard.write_text("{}\n")
        return address()

    first = resolve()
    assert resolve() == first
    shard.write_text("{}\n{}\n")
    longer = address()
    shard.write_text("{}\n[]\n")
    other = address()
    (tmp_path / "data-001.jsonl").touch()
    more = address()
    (tmp_path / "other.txt").touch()
    assert address() == more
    assert len({first, longer, other, more}) == 4


def test_how_often_checkpoints_are_written_is_no_part_of_identity() -> None:
    system = studies.get("encoder-resolution").system()
    one, other = (system.resolve({"training.checkpoint_every": every}, "micro") for every in (10, 20))
    assert system.identity(one) == system.identity(other)
    assert drift.differences(drift.texts(one), drift.texts(other), system.indifferent) == []
    assert "files" not in system.identity(one)
