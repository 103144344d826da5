from __future__ import annotations

from pathlib import Path

import pytest

from ablations import seeds, sweep, yaml_lines
from ablations.errors import SweepError

FULL = """\
study: toy
suite: mine
scale: micro
seeds: 0-2,7
axes:
  model.width: [8, 16]
zip:
  - {model.depth: [1, 2], training.steps: [3, 4]}
set: {training.rate: 1e-3, training.clip: false}
scales:
  paper:
    axes: {model.width: [1024]}
    set: {training.rate: 0.5}
    seeds: [0]
    launch: {executor: slurm, partition: gpu}
launch: {executor: local, workers: 2}
"""


def test_every_block_is_read(toy_sweep: object) -> None:
    found = toy_sweep(FULL)
    assert (found.suite, found.scale, found.seeds) == ("mine", "micro", (0, 1, 2, 7))
    assert found.axes == {"model.width": [8, 16]}
    assert found.zip == [{"model.depth": [1, 2], "training.steps": [3, 4]}]
    assert found.set == {"training.rate": 0.001, "training.clip": False}
    assert found.launch == {"executor": "local", "workers": 2}
    assert found.name == "sweep"


def test_a_scale_replaces_axes_and_seeds_and_merges_set_and_launch(toy_sweep: object) -> None:
    found = toy_sweep(FULL, scale="paper")
    assert found.axes == {"model.width": [1024]}
    assert found.seeds == (0,)
    assert found.set == {"training.rate": 0.5, "training.clip": False}
    assert found.launch == {"executor": "slurm", "workers": 2, "partition": "gpu"}
    assert found.zip == [{"model.depth": [1, 2], "training.steps": [3, 4]}]


def test_the_command_line_wins(toy_sweep: object) -> None:
    found = toy_sweep(FULL, seeds="5", set_=["training.rate=2e-3"], launch={"workers": 9})
    assert found.seeds == (5,)
    assert found.set["training.rate"] == 0.002
    assert found.launch["workers"] == 9


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0-2", [0, 1, 2]), ("0-2,5", [0, 1, 2, 5]), ("3", [3]), ([2, 0, 2], [2, 0]), ("1-1, 0", [1, 0])],
)
def test_seeds(value: object, expected: list[int]) -> None:
    assert seeds.parse(value) == expected


@pytest.mark.parametrize("value", ["", "a", "2-0", "-1", [1.5], [True], [-1], [], 3, None, {}, "0-99999999"])
def test_bad_seeds(value: object) -> None:
    with pytest.raises(ValueError, match=r"seed|range|write|must"):
        seeds.parse(value)


def test_values_keep_their_meaning() -> None:
    text = "{rate: 1e-3, more: 2.5E+4, day: 2026-01-01, name: 1e, whole: 16, state: 'off'}"
    assert yaml_lines.parse(text, "x").data == {
        "rate": 0.001,
        "more": 25000.0,
        "day": "2026-01-01",
        "name": "1e",
        "whole": 16,
        "state": "off",
    }


def test_lines_point_at_list_entries_and_through_merges(tmp_path: Path) -> None:
    text = "a: &shared\n  x: 1\n  y:\n    - 1\n    - 2\nb:\n  <<: *shared\n  x: 3\n"
    document = yaml_lines.parse(text, "x")
    assert document.data["b"] == {"x": 3, "y": [1, 2]}
    assert document.at("a", "y", "1") == 5
    assert document.at("b", "x") == 8
    assert document.at("b", "y", "1") == 6


def test_nothing_in_a_sweep_file_is_run(tmp_path: Path) -> None:
    file = tmp_path / "evil.yaml"
    file.write_text(f"axes: {{a: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']}}")
    with pytest.raises(SweepError, match=r"evil\.yaml:1.*python/object"):
        sweep.read(file, "toy", ["micro"])
    assert not (tmp_path / "made").exists()
