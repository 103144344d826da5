"""A study with a known answer: the loss is least at a rate that falls with the gain, as 0.1 / gain."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Mapping
from typing import Any

from lab_study import LabSystem
from pyarrow import Table
from pyarrow.parquet import write_table

from ablations.study import Axis, Study
from ablations.system import CellFailed, Context, Outcome

DEFAULTS: dict[str, Any] = {"seed": 0, "gain": 1, "rate": 0.5, "steps": 4, "pause": 0.0, "cliff": 1e9}


def best(gain: int) -> float:
    """The rate at which the loss is least."""
    return 0.1 / gain


def loss(gain: int, rate: float, seed: int) -> float:
    """A parabola in log rate."""
    return math.log(rate / best(gain)) ** 2 + seed / 100


class ValleySystem(LabSystem):
    """Falls off a `cliff`: larger rates make it fail. Kills its process once while a file `deadly` lies about."""

    def resolve(self, overrides: Mapping[str, Any], scale: str) -> dict[str, Any]:
        return {**DEFAULTS, **overrides}

    def stages(self, config: Mapping[str, Any]) -> list[Any]:
        return []

    def run_cell(self, config: Mapping[str, Any], context: Context) -> Outcome:
        final = loss(config["gain"], config["rate"], config["seed"])
        if config["rate"] > config["cliff"]:
            raise CellFailed("loss is not finite")
        for step in range(1, config["steps"] + 1):
            time.sleep(config["pause"])
            with open(context.folder / "steps.txt", "a") as lines:
                lines.write(f"{step}\n")
            if (context.folder.parent / "deadly").exists():
                os.kill(os.getpid(), signal.SIGKILL)
            context.report("descend", step, config["steps"], metrics={"held_out/loss": final + 1 / step})
        row = {"benchmark": "x", "task": "x", "shots": 0, "item": "1", "score": -final}
        write_table(Table.from_pylist([row]), context.folder / "predictions.parquet")
        return Outcome({"final/loss": final}, artifacts=[context.folder / "predictions.parquet"])


VALLEY = Study(
    name="valley",
    question="Which rate is best?",
    lesson="It falls with the gain.",
    axes=(Axis("gain", "gain"), Axis("rate", "rate")),
    metrics=("final/loss",),
    claims=(),
    system=ValleySystem,
)
