"""Two processes train as one does. Run as a program, this file is one of them: `test_ranks.py WORLD FOLDER STOP_AT`."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mm1 import ranks
from mm1.cell import open_sources, packed
from mm1.checkpoint import Stopped
from mm1.config import Experiment, Experts, Language
from mm1.language.tokenizer import load_tokenizer
from mm1.model import MultimodalLM
from mm1.pretraining import multimodal_budget, multimodal_loss
from mm1.training import Training, fit

STEPS = 12


def curve(world: Path, folder: Path, stop_at: int = 0) -> dict:
    """Train from the newest checkpoint in `folder`; step -> loss, and what was read."""
    config = Experiment(
        encoder={"resolution": 16, "width": 32, "depth": 1, "heads": 2},
        connector={"tokens": 4},
        language={"width": 32, "depth": 1, "heads": 2},
        training={"steps": STEPS, "sequences": 4, "sequence_length": 128, "warmup": 3, "checkpoint_every": 5},
        data={"mix": {"captions": 1, "text": 3}},  # batches of text alone occur, on one rank or both
    )
    torch.manual_seed(config.seed)
    tokenizer, losses = load_tokenizer(Language()), {}

    def report(_, step, total, loss, metrics=None):
        losses[str(step)] = loss

    def loss(model, batch):
        return multimodal_loss(model, batch, Experts())

    module = Training(MultimodalLM(config, tokenizer), loss, multimodal_budget(config), "multimodal", report)
    batches = packed(config, open_sources(config, world), tokenizer, config.seed, ranks.rank(), ranks.world())
    try:
        fit(module, batches, folder, lambda: ranks.rank() == 1 and len(losses) >= stop_at > 0)
    except Stopped as stop:
        losses["stopped"] = str(stop)
    weights = sum(float(p.detach().double().abs().sum()) for p in module.model.parameters())
    return {"losses": losses, "seen": module.seen, "weights": weights}


def together(world: Path, folder: Path, stop_at: int = 0) -> list[dict]:
    """What each of two processes says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    command = [sys.executable, __file__, str(world), str(folder), str(stop_at)]
    about = {**os.environ, **place, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1", "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            command,
            env={**about, "RANK": str(rank), "LOCAL_RANK": "0", "GROUP_RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    return [json.loads(text.splitlines()[-1]) for text in said]


@pytest.fixture(scope="module")
def alone(world, tmp_path_factory):
    return curve(world, tmp_path_factory.mktemp("alone"))


def same(one: dict, other: dict) -> None:
    assert one["losses"] == pytest.approx(other["losses"], rel=2e-5)
    assert one["weights"] == pytest.approx(other["weights"], rel=1e-6)
    assert one["seen"] == other["seen"]


def test_two_processes_give_the_curve_of_one(world, tmp_path, alone):
    for said in together(world, tmp_path):
        same(said, alone)


def test_a_stop_that_one_rank_sees_stops_both_and_one_process_goes_on(world, tmp_path, alone):
    first = together(world, tmp_path, stop_at=7)
    assert [said["losses"].pop("stopped") for said in first] == ["stopped at step 8"] * 2
    rest = curve(world, tmp_path)
    assert [*rest["losses"]] == [str(step) for step in range(9, STEPS + 1)]
    losses = {step: loss for step, loss in alone["losses"].items() if step != "8"}  # saved before it was told
    same(rest | {"losses": first[0]["losses"] | rest["losses"]}, alone | {"losses": losses})


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(curve(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
