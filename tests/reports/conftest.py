"""A real SQLite store, written by the calls of a real sweep: 4 resolutions, 3 seeds, made-up scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ablations import tracking
from ablations.cell import Cell, cell_id
from ablations.studies.encoder_resolution import STUDY
from ablations.study import Study
from ablations.system import Outcome

AXIS, STEPS = "encoder.resolution", "training.steps"
RESOLUTIONS = (16, 24, 32, 48)
VISUAL = {"short-captions": "caption", "general": "vqa", "sign-reading": "vqa"}
TEXT = ("reading", "world")
ITEMS = 25
DEMO = replace(STUDY, name="demo")


def scores(resolution: int, seed: int) -> pd.DataFrame:
    """Scores that rise with resolution and shots; items are as hard for every cell; text stays level."""
    rng = np.random.default_rng([resolution, seed])
    luck = np.random.default_rng(seed).normal(0, 0.02)
    rows = []
    for place, (benchmark, task) in enumerate({**VISUAL, **dict.fromkeys(TEXT, "choice")}.items()):
        hard = np.random.default_rng(place).normal(0, 0.1, ITEMS)
        for shots in (0,) if task == "choice" else (0, 4, 8):
            gain = 0.0 if task == "choice" else 0.007 * (resolution - 16) * (1 + place / 2) + 0.02 * shots
            noise = rng.normal(0, 0.02 if task == "choice" else 0.08, ITEMS)
            values = 0.3 + gain + luck + hard + noise
            about = {"benchmark": benchmark, "task": task, "shots": shots, "group": "a"}
            about |= {"prompt_hash": "0", "prediction": "x", "answers": "x", "question": ""}
            rows += [
                {**about, "item": f"{benchmark}-{i:03}", "score": value} for i, value in enumerate(values)
            ]
    return pd.DataFrame(rows)


def final_metrics(frame: pd.DataFrame) -> dict[str, float]:
    """The metrics that go with item scores."""
    visual = frame[frame["task"] != "choice"].groupby(["benchmark", "shots"])["score"].mean() * 100
    text = frame[frame["task"] == "choice"].groupby("benchmark")["score"].mean() * 100
    metrics = {f"eval/{name}/{shots}shot": value for (name, shots), value in visual.items()}
    metrics |= {f"eval/average/{k}shot": value for k, value in visual.groupby("shots").mean().items()}
    metrics |= {f"eval/text/{name}": value for name, value in text.items()}
    return metrics | {"eval/text/average": text.mean(), "final/loss": 1.0}


def make_cell(resolution: int, seed: int, steps: int = 800) -> Cell:
    config = {
        "seed": seed,
        "encoder": {"resolution": resolution, "patch": 8, "pretraining": {"seed": seed}},
        "connector": {"type": "c-abstractor", "tokens": 9},
        "data": {"world": {"seed": 0}},
        "training": {"steps": steps},
    }
    return Cell(cell_id(config, 1), "demo", "micro", seed, {AXIS: resolution}, config)


def write_sweep(
    uri: str,
    folder: Path,
    cells: Sequence[Cell],
    name: str = "res",
    finished: int | None = None,
    study: Study = DEMO,
    metrics: Mapping[str, float] | None = None,
) -> list[str]:
    """Declare a sweep, then finish its first `finished` cells (all unless given). Returns the run ids."""
    sweep: Mapping[str, Any] = {"id": name, "name": name, "scale": "micro"}
    parent = tracking.begin_sweep(uri, "mm1", study, sweep, cells)
    runs = []
    for cell in cells[:finished]:
        run_id = tracking.begin_cell(uri, "mm1", DEMO, name, parent, cell, {"encoder": "abc"})
        resolution, place = cell.axes[AXIS], folder / cell.id
        place.mkdir(parents=True)
        frame = scores(resolution, cell.seed)
        frame.to_parquet(place / "predictions.parquet")
        curve = [
            ("multimodal/loss", 3 * 0.9 ** (step / 40) + resolution / 200, step, step)
            for step in range(0, 800, 40)
        ]
        tracking.log_steps(uri, run_id, curve)
        facts = {"image_tokens": 9, "patches": (resolution // 8) ** 2, "resolution": resolution, "steps": 800}
        outcome = Outcome(final_metrics(frame) | (metrics or {}), facts, [place / "predictions.parquet"])
        tracking.finish_cell(uri, run_id, outcome)
        runs.append(run_id)
    tracking.end_sweeps(uri, {parent: "FINISHED"})
    return runs


GRID = [make_cell(resolution, seed) for resolution in RESOLUTIONS for seed in range(3)]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URI of a store that holds one finished sweep."""
    folder = tmp_path_factory.mktemp("store")
    uri = f"sqlite:///{folder}/mlflow.db"
    write_sweep(uri, folder / "runs", GRID)
    return uri


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[..., str]:
    """Makes a store of small sweeps (16 and 48 px); each has a name and seeds.

    It may have steps (several: the sweep varies them), steps for each resolution, a number of finished cells,
    what its study says otherwise, and further metrics of its cells.
    """

    def make(*sweeps: Mapping[str, Any]) -> str:
        uri = f"sqlite:///{tmp_path}/mlflow.db"
        for sweep in sweeps:
            steps = sweep.get("steps", 800)
            varied = steps if isinstance(steps, tuple) else (steps,)
            places = [(r, s) for s in varied for r in (16, 48)]
            places = [*sweep["steps_at"].items()] if "steps_at" in sweep else places
            grid = [(r, seed, s) for r, s in places for seed in sweep["seeds"]]
            cells = [make_cell(*place) for place in grid]
            if len(varied) > 1:
                cells = [replace(c, axes={**c.axes, STEPS: c.config["training"]["steps"]}) for c in cells]
            study = replace(DEMO, **sweep.get("study", {}))
            about = (sweep["name"], sweep.get("finished"), study, sweep.get("metrics"))
            write_sweep(uri, tmp_path / sweep["name"], cells, *about)
        return uri

    return make


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URI of a store of two studies, of 6 and 3 cells; the first has all cells of the second."""
    folder = tmp_path_factory.mktemp("shared")
    uri = f"sqlite:///{folder}/mlflow.db"
    cells = [make_cell(resolution, seed) for resolution in (16, 24) for seed in range(3)]
    write_sweep(uri, folder / "runs", cells)
    sweep = {"id": "part", "name": "part", "scale": "micro"}
    tracking.begin_sweep(uri, "mm1", replace(DEMO, name="second"), sweep, cells[:3])
    return uri
