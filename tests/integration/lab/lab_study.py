"""A study whose cells count: slowly, with checkpoints, and with every way of going wrong."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyarrow import Table
from pyarrow.parquet import write_table

from ablations.cell import cell_id
from ablations.files import read_json, write_json
from ablations.study import Axis, Claim, Study
from ablations.system import CellFailed, Context, Interrupted, Outcome, Stage

DEFAULTS: dict[str, Any] = {"seed": 0, "gain": 1, "steps": 6, "pause": 0.0, "mode": "plain", "stage": False}
CHECKPOINT_EVERY = 5
_eaten: list[bytearray] = []


def advance(value: int, step: int, gain: int, seed: int) -> int:
    """One step; its order matters, so a result shows whether steps were lost or done twice."""
    return (31 * value + step * gain + seed) % 1_000_003


def result(gain: int, seed: int, steps: int) -> int:
    """What a cell that was never interrupted ends with."""
    value = 0
    for step in range(1, steps + 1):
        value = advance(value, step, gain, seed)
    return value


class LabSystem:
    """Modes: plain; fragile (fails while a file `trouble` lies in the run folder); deadly (kills its process);
    deaf (never looks whether it should stop); hungry (eats memory);
    greedy (fills the disk while `trouble` lies there); careless (tells everything it knows, and fails);
    hanging and stuck (sleep for good, the latter holding the interpreter, while `trouble` lies there)."""

    schema_version = 1
    indifferent = ()

    def scales(self) -> list[str]:
        return ["micro"]

    def resolve(self, overrides: Mapping[str, Any], scale: str) -> dict[str, Any]:
        return {**DEFAULTS, **overrides}

    def identity(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return dict(config)

    def stages(self, config: Mapping[str, Any]) -> list[Stage]:
        return [Stage("base", cell_id({"base": 1}, 1), {"base": 1}, seconds=1)] if config["stage"] else []

    def stage_ready(self, stage: Stage, folder: Path) -> bool:
        return (folder / "base.json").exists()

    def run_stage(self, stage: Stage, context: Context) -> None:
        _note(context.folder / "done.txt", os.getpid())
        time.sleep(0.5)
        write_json(context.folder / "base.json", {"value": 7})

    def run_cell(self, config: Mapping[str, Any], context: Context) -> Outcome:
        saved = read_json(context.folder / "last.ckpt") or {"step": 0, "value": 0}
        value, steps = saved["value"], config["steps"]
        if config["stage"]:
            assert read_json(context.stages["base"] / "base.json") == {"value": 7}
        for step in range(saved["step"] + 1, steps + 1):
            _misbehave(config["mode"], step, context)
            value = advance(value, step, config["gain"], config["seed"])
            time.sleep(config["pause"])
            _note(context.folder / "steps.txt", step)
            context.report("count", step, steps, loss=1 / step, metrics={"loss": 1 / step})
            stop = context.should_stop() and config["mode"] != "deaf"
            if step % CHECKPOINT_EVERY == 0 or stop:
                write_json(context.folder / "last.ckpt", {"step": step, "value": value})
            if stop:
                raise Interrupted(f"stopped at step {step}")
        return _outcome(config, value, context.folder)

    def seconds(self, config: Mapping[str, Any]) -> float:
        return config["steps"] * config["pause"] + 0.1


def _misbehave(mode: str, step: int, context: Context) -> None:
    if step == 7 and mode == "greedy" and (context.folder.parent / "trouble").exists():
        with suppress(OSError), open(context.folder.parent / "ballast", "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    if step == 3 and (context.folder.parent / "trouble").exists():
        if mode == "fragile":
            print("about to fail")
            raise CellFailed("loss is not finite at step 3 [nan]")
        if mode == "hanging":
            time.sleep(3600)
        while mode == "stuck":
            ctypes.PyDLL(None).sleep(3600)  # a signal wakes it
    if mode == "hungry":
        _eaten.append(bytearray(200_000_000))
    if mode == "deadly" and step == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "careless" and step == 3:
        _tell_everything()


def _tell_everything() -> None:
    """The environment, a line at a time and in pieces, to everything that a log is made of."""
    known = "\n".join(f"{name}={value}" for name, value in os.environ.items())
    print(known)
    for at in range(0, len(known), 7):
        print(known[at : at + 7], end="", file=sys.stderr, flush=True)
    logging.getLogger("careless").warning("the environment is %s", dict(os.environ))
    warnings.warn(f"HF_TOKEN is {os.environ['HF_TOKEN']}", stacklevel=1)
    raise RuntimeError(f"{os.environ['HF_TOKEN']} does not open {os.environ['MLFLOW_TRACKING_URI']}")


def _outcome(config: Mapping[str, Any], value: int, folder: Path) -> Outcome:
    row = {"benchmark": "count", "task": "count", "shots": 0, "item": "1", "score": float(value)}
    write_table(Table.from_pylist([row]), folder / "predictions.parquet")
    return Outcome(
        metrics={"score": config["gain"] + config["seed"] / 10, "value": value},
        facts={"tokens": 10.0},
        artifacts=[folder / "predictions.parquet"],
        datasets=[{"name": "numbers", "digest": "abc", "rows": 6, "weight": 1.0}],
    )


def _note(file: Path, what: object) -> None:
    with open(file, "a") as lines:
        lines.write(f"{what}\n")


STUDY = Study(
    name="lab",
    question="Does gain matter?",
    lesson="Gain matters.",
    axes=(Axis("gain", "gain"),),
    metrics=("score",),
    claims=(Claim("more", "more is better", "score", "greater", {"gain": "max"}, {"gain": "min"}),),
    system=LabSystem,
)

STEPS = replace(
    STUDY,
    name="lab-steps",
    question="Do steps matter?",
    axes=(Axis("steps", "steps"),),
    claims=(Claim("longer", "longer is better", "value", "greater", {"steps": "max"}, {"steps": "min"}),),
)
