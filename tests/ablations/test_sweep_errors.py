"""Every bad sweep is answered with its place, the field, what was found and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablations import grid, studies, sweep
from ablations.errors import SweepError

GOOD = "axes:\n  model.width: [8, 16]\n"

BAD = {
    "yaml syntax": ("axes:\n  model.width: [8, 16\nseeds: 0-2\n", 3, ["YAML"]),
    "tab": ("axes:\n\tmodel.width: [8]\n", 2, ["YAML"]),
    "duplicate key": ("axes:\n  model.width: [8]\n  model.width: [16]\n", 3, ["model.width", "line 2"]),
    "duplicate block": (GOOD + "set: {}\nset: {}\n", 4, ["'set'", "line 3"]),
    "no mapping": ("- 1\n", 1, ["mapping"]),
    "empty file": ("", 1, ["mapping"]),
    "unknown top-level key": ("axis: {}\n", 1, ["'axis'", "allowed", "Did you mean 'axes'"]),
    "unknown key of a scale": (GOOD + "scales:\n  paper:\n    axis: {}\n", 5, ["'axis'", "'axes'"]),
    "unknown scale block": (GOOD + "scales:\n  papr: {}\n", 4, ["'papr'", "micro, paper", "'paper'"]),
    "unknown scale": (GOOD + "scale: mircro\n", 3, ["mircro", "micro, paper", "Did you mean 'micro'"]),
    "other study": ("study: connector\n" + GOOD, 1, ["'connector'", "'toy'"]),
    "bad suite": ("suite: a/b\n" + GOOD, 1, ["suite", "a/b"]),
    "unknown field": (
        GOOD + "set:\n  training.steps: 3\n  training.step: 3\n",
        5,
        ["training.step", "allowed", "training.rate", "Did you mean 'training.steps'"],
    ),
    "out of range": ("axes:\n  model.width:\n    - 8\n    - -4\n", 4, ["model.width", "-4", "above 0"]),
    "not in registry": (
        "axes:\n  model.type: [plain, gatd]\n",
        2,
        ["'gatd'", "gated, plain, wide", "'gated'"],
    ),
    "fields that do not go together": (GOOD + "set:\n  model.patch: 16\n", 2, ["8", "not divisible", "16"]),
    "bad zip value": ("zip:\n  - model.width: [8]\n    model.depth: [0]\n", 3, ["model.depth", "0"]),
    "bad include value": (GOOD + "include:\n  - {model.width: 16}\n  - {model.width: 9}\n", 5, ["9"]),
    "empty axis": ("axes:\n  model.width: []\n", 2, ["model.width", "[]"]),
    "axis without list": ("axes:\n  model.width: 8\n", 2, ["model.width", "list", "8"]),
    "axes no mapping": ("axes: [1]\n", 1, ["axes", "mapping", "[1]"]),
    "empty grid": ("axes: {}\n", 1, ["empty"]),
    "no axes": ("seeds: 0-2\n", None, ["empty"]),
    "all excluded": (
        GOOD + "exclude:\n  - {model.width: 8}\n  - {model.width: 16}\n",
        3,
        ["empty", "exclude"],
    ),
    "unknown field in exclude": (
        GOOD + "exclude:\n  - {model.widht: 8}\n",
        4,
        ["model.widht", "'model.width'"],
    ),
    "axis and set": (GOOD + "set:\n  model.width: 8\n", 4, ["model.width", "line 2"]),
    "axis and zip": (GOOD + "zip:\n  - {model.width: [1]}\n", 4, ["model.width", "line 2"]),
    "parent and child": (GOOD + "set:\n  model: {depth: 3}\n", 4, ["model", "model.width", "line 2"]),
    "child and parent": ("axes:\n  model: [{}]\n  model.width: [8]\n", 3, ["'model'", "line 2"]),
    "include parent and child": (
        GOOD + "include:\n  - model: 1\n    model.width: 8\n",
        5,
        ["'model'", "line 4"],
    ),
    "unequal zip": (
        "zip:\n  - model.width: [8, 16]\n    model.depth: [1]\n",
        2,
        ["width has 2", "depth has 1"],
    ),
    "empty zip": ("zip: [{}]\n", 1, ["zip"]),
    "seed as a field": ("axes:\n  seed: [0, 1]\n", 2, ["seeds: 0-2"]),
    "unknown design": (GOOD + "design: basline\n", 3, ["'basline'", "product, baseline", "'baseline'"]),
    "design of a scale": (
        GOOD + "scales:\n  micro:\n    design: all\n",
        5,
        ["'all'", "product, baseline"],
    ),
    "when of what does not vary": (
        GOOD + "when:\n  model.wdith: {model.type: plain}\n",
        4,
        ["model.wdith", "axes", "'model.width'"],
    ),
    "when without a condition": (GOOD + "when:\n  model.width: {}\n", 4, ["model.width", "condition"]),
    "when with an unknown field": (
        GOOD + "when:\n  model.width:\n    model.tipe: plain\n",
        5,
        ["'model.tipe'", "'model.type'"],
    ),
    "when that never holds": (
        GOOD + "when:\n  model.width: {model.type: gated}\n",
        4,
        ["model.width", "no point"],
    ),
    "when of a scale": (
        GOOD + "scales:\n  micro:\n    when:\n      model.width: {model.type: gated}\n",
        6,
        ["no point"],
    ),
    "set beside a part of an axis of a baseline": (
        "design: baseline\naxes: {model.width: [8]}\nset:\n  model: {}\n",
        4,
        ["'model.width'", "line 2"],
    ),
    "bad seeds": (GOOD + "seeds: 0..2\n", 3, ["seeds", "0..2", "0-2,5"]),
    "bare seed": (GOOD + "seeds: 3\n", 3, ["seeds", "[3]", "0-2"]),
    "unknown launch key": (GOOD + "launch:\n  worker: 2\n", 4, ["launch.worker", "workers", "executor"]),
    "unknown executor": (
        GOOD + "launch:\n  executor: slrum\n",
        4,
        ["slrum", "inline, local, slurm", "'slurm'"],
    ),
    "no workers": (GOOD + "launch:\n  workers: 0\n", 4, ["launch.workers", "0", "from 1"]),
    "bad launch of a scale": (
        GOOD + "scales:\n  micro:\n    launch: {threads: x}\n",
        5,
        ["launch.threads", "'x'"],
    ),
    "not a number": (GOOD + "set:\n  training.rate: .nan\n", 4, ["training.rate", "nan"]),
    "recursive": ("axes: &a\n  model.width: [*a]\n", 1, ["itself"]),
    "key is no text": (GOOD + "set:\n  1: 2\n", 4, ["1", "quotes"]),
    "too many": (
        "axes:\n  model.width: [8, 16]\nseeds: 0-9999\nzip:\n  - training.steps: [1,2,3,4,5,6]\n",
        1,
        ["120,000"],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_sweeps(case: str, toy_cells: object) -> None:
    text, line, parts = BAD[case]
    with pytest.raises(SweepError) as caught:
        toy_cells(text)
    assert caught.value.line == line, str(caught.value)
    assert f"sweep.yaml{'' if line is None else f':{line}'}: " in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("options", "place", "parts"),
    [
        ({"seeds": "1-"}, "--seeds 1-", ["'1-'"]),
        ({"scale": "papr"}, "--scale papr", ["micro, paper", "'paper'"]),
        ({"set_": ["training.rate"]}, "--set training.rate", ["field=value"]),
        ({"set_": ["training.rate=[1"]}, "--set training.rate=[1", ["YAML"]),
        ({"set_": ["training.rate=11"]}, "--set training.rate=11", ["between 0 and 10", "11"]),
        ({"set_": ["training.rte=1"]}, "--set training.rte=1", ["'training.rate'"]),
        ({"set_": ["model.width=8"]}, "--set model.width=8", ["model.width", "line 2"]),
        ({"launch": {"executor": "slrm"}}, "--executor slrm", ["inline, local, slurm", "'slurm'"]),
        ({"launch": {"workers": 0}}, "--workers 0", ["from 1"]),
    ],
)
def test_bad_options(options: dict, place: str, parts: list[str], toy_cells: object) -> None:
    with pytest.raises(SweepError) as caught:
        toy_cells(GOOD, **options)
    assert str(caught.value).startswith(f"{place}: ")
    for part in parts:
        assert part in str(caught.value)


def test_only_the_chosen_scale_is_resolved_and_its_lines_are_named(toy_cells: object) -> None:
    text = GOOD + "scales:\n  paper:\n    axes: {model.width: [7]}\n"
    assert len(toy_cells(text)) == 2
    with pytest.raises(SweepError) as caught:
        toy_cells(text, scale="paper")
    assert caught.value.line == 5


@pytest.mark.parametrize(
    ("text", "line", "parts"),
    [
        ("axes:\n  encoder.resolution: [16, 25]\n", 2, ["encoder.resolution", "25", "patch size 8"]),
        ("axes:\n  connector.tokens: [4]\nset:\n  encoder.patch: 7\n", 4, ["32", "patch size 7"]),
        ("axes:\n  connector.tokens:\n    - 4\n    - 7\n", 4, ["connector.tokens", "7", "4 or 9"]),
        ("axes:\n  connector.type: [c-abstracter]\n", 2, ["c-abstracter", "average-pool", "'c-abstractor'"]),
        ("axes:\n  encoder.resolutoin: [16]\n", 2, ["encoder.resolutoin", "'encoder.resolution'"]),
        ("axes:\n  training.learning_rate: [0]\n", 2, ["training.learning_rate", "greater than 0"]),
        ("axes:\n  training.precision: [fp16]\n", 2, ["training.precision", "'fp16'", "bf16-mixed"]),
        ("axes:\n  data.mix: [mm2]\n", 2, ["data.mix", "mm2", "'mm1'"]),
    ],
)
def test_what_the_model_refuses_is_found_in_the_file(
    text: str, line: int, parts: list[str], tmp_path: Path
) -> None:
    study = studies.get("encoder-resolution")
    system = study.system()
    file = tmp_path / "sweep.yaml"
    file.write_text(text)
    with pytest.raises(SweepError) as caught:
        grid.cells(study, system, sweep.read(file, study.name, system.scales()))
    assert caught.value.line == line, str(caught.value)
    for part in parts:
        assert part in str(caught.value)
