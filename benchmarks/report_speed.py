"""A report over 10,000 finished cells against MLflow alone returning what it reads: runs, curves, predictions.

The cells are made up, but every row is as a micro run leaves it. One cell of each study is written through the
tracking layer; the rest are its rows again, under other ids, seeds and scores, written to SQLite directly,
since 10,000 runs through the API would take an hour.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ablations import tracking
from ablations.cell import Cell, cell_id
from ablations.studies.encoder_resolution import STUDY
from ablations.study import Study
from ablations.system import Outcome
from ablations.tracking.store import client
from benchmarks.common import report, seconds
from reports.build import build

STUDIES, SETTINGS, ITEMS, STEPS = 10, 20, 60, 120
SAMPLED = 10
AXIS = "encoder.resolution"
VISUAL = ("short-captions", "captions", "general", "blurry", "sign-reading", "counting", "colours", "places")
TEXT = ("reading", "world", "counting")


def write(uri: str, folder: Path, cells: int) -> None:
    """A store of STUDIES sweeps with so many finished cells in all."""
    for number in range(STUDIES):
        study = replace(STUDY, name=f"study-{number}")
        seeds = cells // STUDIES // SETTINGS
        grid = [(number, place, seed) for place in range(SETTINGS) for seed in range(seeds)]
        _write_study(uri, folder, study, [_cell(*place) for place in grid])


def _cell(number: int, place: int, seed: int) -> Cell:
    config = {"seed": seed, "encoder": {"resolution": 8 * (place + 1)}, "study": {"number": number}}
    config["training"] = {f"setting_{index}": index for index in range(60)}
    return Cell(cell_id(config, 1), "benchmark", "micro", seed, {AXIS: 8 * (place + 1)}, config)


def _write_study(uri: str, folder: Path, study: Study, cells: Sequence[Cell]) -> None:
    sweep = {"id": study.name, "name": study.name, "scale": "micro"}
    parent = tracking.begin_sweep(uri, "mm1", study, sweep, cells)
    run_id = tracking.begin_cell(uri, "mm1", study, study.name, parent, cells[0], {"encoder": "abc"})
    frame = _predictions()
    file = folder / "predictions.parquet"
    frame.to_parquet(file)
    for name, every in (("multimodal/loss", 1), ("multimodal/grad_norm", 1), ("held_out/loss", 15)):
        points = [(name, 3 - step / STEPS, step, 10 * step) for step in range(0, STEPS, every)]
        tracking.log_steps(uri, run_id, points)
    tracking.finish_cell(uri, run_id, Outcome(_metrics(frame), {"resolution": 8, "steps": 1200}, [file]))
    _copy(uri, run_id, cells[1:], frame)
    tracking.end_sweeps(uri, {parent: "FINISHED"})


def _predictions() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [(name, "vqa", shots) for name in VISUAL for shots in (0, 4, 8)]
    rows += [(name, "choice", 0) for name in TEXT]
    frame = pd.DataFrame(rows, columns=["benchmark", "task", "shots"]).loc[lambda f: f.index.repeat(ITEMS)]
    frame["item"] = [f"{name}-{place % ITEMS:03}" for place, name in enumerate(frame["benchmark"])]
    return frame.assign(score=rng.random(len(frame)), prediction="a red cube", question="what is it?")


def _metrics(frame: pd.DataFrame) -> dict[str, float]:
    visual = 100 * frame[frame["task"] != "choice"].groupby(["benchmark", "shots"])["score"].mean()
    text = 100 * frame[frame["task"] == "choice"].groupby("benchmark")["score"].mean()
    found = {f"eval/{name}/{shots}shot": value for (name, shots), value in visual.items()}
    found |= {f"eval/average/{shots}shot": value for shots, value in visual.groupby("shots").mean().items()}
    found |= {f"eval/text/{name}": value for name, value in text.items()}
    return found | {"eval/text/average": float(text.mean())}


def _copy(uri: str, source: str, cells: Sequence[Cell], frame: pd.DataFrame) -> None:
    """The rows of a finished run once for every other cell, with its id, seed, axis, predictions and scores."""
    rng = np.random.default_rng(len(cells))
    with sqlite3.connect(tracking.sqlite_file(uri)) as store:
        for cell in cells:
            run_id = uuid.uuid4().hex
            own = frame.assign(score=np.clip(frame["score"] + rng.normal(0, 0.1), 0, 1))
            changed = _metrics(own)
            texts = {"cell_id": cell.id, "seed": str(cell.seed), AXIS: str(cell.axes[AXIS])}
            texts[f"axis.{AXIS}"] = texts[AXIS]
            for table in ("runs", "params", "tags", "latest_metrics", "metrics"):
                found = store.execute(f"SELECT * FROM {table} WHERE run_uuid = ?", (source,))
                columns = [column[0] for column in found.description]
                rows = [dict(zip(columns, row, strict=True), run_uuid=run_id) for row in found]
                for row in rows:
                    if table == "runs":
                        row["name"] = cell.name
                        row["artifact_uri"] = row["artifact_uri"].replace(source, run_id)
                    else:
                        row["value"] = (texts if table in ("params", "tags") else changed).get(
                            row["key"], row["value"]
                        )
                marks = ", ".join(f":{column}" for column in columns)
                store.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
            place = tracking.sqlite_file(uri).parent / "mlartifacts" / run_id / "artifacts"
            place.mkdir(parents=True)
            own.to_parquet(place / "predictions.parquet")


def theirs(uri: str) -> float:
    """Seconds in which MLflow's client returns every run, the two loss curves and the predictions of each.

    What it does run by run is timed on one run in SAMPLED and counted that often: thirty thousand calls of a kind.
    """
    store, found = client(uri), []

    def read_runs() -> None:
        token: str | None = ""
        experiments = [experiment.experiment_id for experiment in store.search_experiments()]
        while token is not None:
            page = store.search_runs(experiments, "", max_results=1000, page_token=token or None)
            found.extend(page)
            token = page.token or None

    def read_each() -> None:
        cells = [run.info.run_id for run in found if run.data.tags["ablate.kind"] == "cell"]
        for run_id in cells[::SAMPLED]:
            for name in ("multimodal/loss", "held_out/loss"):
                store.get_metric_history(run_id, name)
            pd.read_parquet(store.download_artifacts(run_id, "predictions.parquet"))

    return seconds(read_runs) + SAMPLED * seconds(read_each)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        tempfile.tempdir = name  # MLflow copies every file it is asked for, and leaves the copy behind
        folder = Path(name)
        uri = f"sqlite:///{folder}/mlflow.db"
        print(
            f"{arguments.cells:,} cells written in {seconds(lambda: write(uri, folder, arguments.cells)):.0f} s"
        )
        mine, others = [], []
        for _ in range(arguments.repeats):
            others.append(theirs(uri))
            mine.append(seconds(lambda: build(None, folder / "out", uri)))
        report("report", "s", mine, others, more_is_better=False)


if __name__ == "__main__":
    main()
