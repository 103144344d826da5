"""A study as another package would add it: its system is arithmetic, so a cell takes milliseconds."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ablations.cell import cell_id
from ablations.errors import FieldError
from ablations.study import Axis, Claim, Study
from ablations.system import Context, Outcome, Stage

DEFAULTS: dict[str, Any] = {
    "seed": 0,
    "model": {"width": 8, "depth": 2, "type": "plain", "patch": 4},
    "training": {"steps": 5, "rate": 0.1, "clip": True},
}
TYPES = ("gated", "plain", "wide")


class ToySystem:
    """Width and depth make the score; the model type needs a shared stage, which needs another."""

    schema_version = 1
    indifferent = ()

    def scales(self) -> list[str]:
        return ["micro", "paper"]

    def resolve(self, overrides: Mapping[str, Any], scale: str) -> dict[str, Any]:
        config = copy.deepcopy(DEFAULTS)
        if scale == "paper":
            config["model"]["width"] = 1024
        for name, value in overrides.items():
            section, _, field = name.partition(".")
            known = [f"{part}.{key}" for part in ("model", "training") for key in config[part]]
            if name == "seed":
                config["seed"] = value
            elif name not in known:
                raise FieldError(name, "no such field", allowed=known)
            else:
                config[section][field] = value
        _validate(config["model"], config["training"])
        return config

    def identity(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return {"config": dict(config), "stages": {stage.name: stage.id for stage in self.stages(config)}}

    def stages(self, config: Mapping[str, Any]) -> list[Stage]:
        root = cell_id({"root": 1}, 1)
        base = {"type": config["model"]["type"]}
        return [
            Stage("root", root, {}, seconds=10),
            Stage("base", cell_id(base, 1), base, needs=(root,), seconds=20),
        ]

    def stage_ready(self, stage: Stage, folder: Path) -> bool:
        return (folder / "result.json").exists()

    def run_stage(self, stage: Stage, context: Context) -> None:
        context.report(stage.name, 1, 1, loss=0.0)
        (context.folder / "result.json").write_text(json.dumps(dict(stage.config)))

    def run_cell(self, config: Mapping[str, Any], context: Context) -> Outcome:
        steps = config["training"]["steps"]
        for step in range(1, steps + 1):
            context.report("train", step, steps, loss=1 / step)
        score = config["model"]["width"] + config["seed"] / 10
        return Outcome({"score": score}, artifacts=[_predictions(context.folder, score)])

    def seconds(self, config: Mapping[str, Any]) -> float:
        return float(config["model"]["width"])


def _validate(model: Mapping[str, Any], training: Mapping[str, Any]) -> None:
    for name, value in {"model.width": model["width"], "model.depth": model["depth"]}.items():
        if not isinstance(value, int) or value <= 0:
            raise FieldError(name, "must be a whole number above 0", value=value)
    if model["type"] not in TYPES:
        raise FieldError("model.type", "unknown model type", value=model["type"], allowed=TYPES)
    if model["width"] % model["patch"]:
        raise FieldError(
            "model.width", f"is not divisible by the patch {model['patch']}", value=model["width"]
        )
    if not 0 < training["rate"] < 10:
        raise FieldError("training.rate", "must lie between 0 and 10", value=training["rate"])


def _predictions(folder: Path, score: float) -> Path:
    import pandas as pd

    rows = [
        {"benchmark": "sum", "task": "vqa", "shots": 0, "item": f"{item}", "score": score + item}
        for item in (-1, 1)
    ]
    pd.DataFrame(rows).to_parquet(folder / "predictions.parquet")
    return folder / "predictions.parquet"


_WIDTH = "model.width"

STUDY = Study(
    name="toy",
    question="Does width matter?",
    lesson="Width matters.",
    axes=(Axis(_WIDTH, "width"),),
    metrics=("score",),
    claims=(
        Claim("wider", "wider is better", "score", "greater", {"model.width": "max"}, {"model.width": "min"}),
    ),
    system=ToySystem,
)

DEEP = replace(
    STUDY,
    name="toy-deep",
    question="Does depth matter?",
    axes=(Axis("model.depth", "depth"),),
    claims=(
        Claim(
            "deeper", "deeper is better", "score", "greater", {"model.depth": "max"}, {"model.depth": "min"}
        ),
    ),
)
