"""Run as a program, this file trains a little in a process of its own: `test_training.py WORLD FOLDER KILL_AT`."""

import errno
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from mm1.cell import open_sources, packed
from mm1.checkpoint import LAST, PREVIOUS, Stopped, newest, save_weights
from mm1.config import Experiment, Experts, Language
from mm1.language.tokenizer import load_tokenizer
from mm1.model import MultimodalLM
from mm1.optimizer import FLOOR, adamw, warmup_cosine
from mm1.pretraining import multimodal_budget, multimodal_loss
from mm1.training import NonFiniteLoss, Training, fit


def experiment(**training):
    plan = {"steps": 30, "sequences": 4, "sequence_length": 128, "warmup": 5, "checkpoint_every": 6}
    return Experiment(
        encoder={"resolution": 16, "width": 32, "depth": 1, "heads": 2, "learning_rate_scale": 0.5},
        connector={"tokens": 4, "learning_rate_scale": 2},
        language={"width": 32, "depth": 1, "heads": 2},
        training=plan | training,
    )


def noisy_loss(model, batch):
    """The loss with noise, so that a lost random state shows."""
    return {"loss": multimodal_loss(model, batch, Experts())["loss"] * (1 + 0.1 * torch.rand(()))}


def train(config, world, folder, report=lambda *_, **__: None, should_stop=lambda: False, loss=noisy_loss):
    """Train from the newest checkpoint in `folder`; the weights afterwards."""
    torch.manual_seed(config.seed)
    tokenizer = load_tokenizer(Language())
    module = Training(MultimodalLM(config, tokenizer), loss, multimodal_budget(config), "multimodal", report)
    fit(module, packed(config, open_sources(config, world), tokenizer, config.seed), folder, should_stop)
    save_weights(module.model, folder / "weights.safetensors")
    return load_file(folder / "weights.safetensors")


def identical(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def in_a_process(world, folder, kill_at):
    command = [sys.executable, __file__, str(world), str(folder), str(kill_at)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def uninterrupted(world, tmp_path_factory):
    return train(experiment(), world, tmp_path_factory.mktemp("whole"))


def test_a_killed_run_resumes_in_a_new_process_to_the_same_bits(world, tmp_path, uninterrupted):
    (tmp_path / f".{LAST}.1").write_bytes(b"half of one that was being written")
    killed = in_a_process(world, tmp_path, kill_at=16)
    assert sorted(path.name for path in tmp_path.iterdir()) == [LAST, PREVIOUS]
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert killed.stdout.split() == [str(step) for step in range(1, 17)]
    resumed = in_a_process(world, tmp_path, kill_at=0)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.split() == [str(step) for step in range(13, 31)]  # from the checkpoint at step 12
    assert identical(load_file(tmp_path / "weights.safetensors"), uninterrupted)


def test_a_stop_amid_accumulated_batches_loses_nothing(world, tmp_path):
    config, batches, steps = experiment(accumulate=2, steps=12), [], []
    whole = train(config, world, tmp_path / "whole")
    with pytest.raises(Stopped, match="stopped at step 5"):  # asked for within step 5
        train(
            config, world, tmp_path / "parts", lambda *_, **__: batches.append(1), lambda: len(batches) >= 8
        )
    parts = train(config, world, tmp_path / "parts", lambda _, step, *__, **___: steps.append(step))
    assert steps == [batch // 2 for batch in range(11, 25)]
    assert identical(parts, whole)


def test_a_truncated_checkpoint_falls_back_to_the_one_before(world, tmp_path, uninterrupted):
    train(experiment(), world, tmp_path)
    last, previous = tmp_path / LAST, tmp_path / PREVIOUS
    assert newest(tmp_path) == last
    last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])
    assert newest(tmp_path) == previous
    steps = []
    resumed = train(experiment(), world, tmp_path, lambda _, step, *__, **___: steps.append(step))
    assert steps[0] == 19  # 24 was cut short; 18 is the one before
    assert identical(resumed, uninterrupted)


def test_a_full_disk_leaves_the_checkpoint_before_and_training_goes_on_from_it(
    world, tmp_path, uninterrupted, small_disk, fill_up
):
    folder, ballast = small_disk(16), []

    def fill(_, step, *__, **___):
        if step == 13:
            ballast.append(fill_up(folder, spare=100_000))

    with pytest.raises(RuntimeError) as caught:
        train(experiment(), world, folder, fill)
    assert caught.value.__context__.errno == errno.ENOSPC
    assert sorted(path.name for path in folder.iterdir()) == ["ballast", LAST, PREVIOUS]
    ballast[0].unlink()
    steps = []
    resumed = train(experiment(), world, folder, lambda _, step, *__, **___: steps.append(step))
    assert steps[0] == 13
    assert identical(resumed, uninterrupted)


def test_without_a_readable_checkpoint_training_starts_over(tmp_path):
    assert newest(tmp_path) is None
    (tmp_path / LAST).write_bytes(b"half of a file")
    (tmp_path / PREVIOUS).write_bytes(b"")
    assert newest(tmp_path) is None


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_told_with_its_step(world, tmp_path, value):
    calls = iter(range(100))

    def breaking(model, batch):
        return {"loss": multimodal_loss(model, batch, Experts())["loss"] * (value if next(calls) == 3 else 1)}

    with pytest.raises(NonFiniteLoss, match=r"multimodal: loss is (nan|inf) at step 3 .*learning rate 0.002"):
        train(experiment(), world, tmp_path, loss=breaking)
    assert not (tmp_path / "weights.safetensors").exists()


def test_learning_rate_scales_reach_the_parameter_groups(tokenizer):
    config = experiment()
    model, budget = MultimodalLM(config, tokenizer), multimodal_budget(config)
    model.encoder.trunk.norm.requires_grad_(False)
    optimizer = adamw(model, 0.01, 0.1, budget.scales)
    rate = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    for part, expected in (("encoder", 0.005), ("connector", 0.02), ("language", 0.01)):
        trainable = [p for p in getattr(model, part).parameters() if p.requires_grad]
        assert {rate.pop(id(p)) for p in trainable} == {expected}
    assert rate == {}  # every parameter is in one group, and no frozen one is in any
    for group in optimizer.param_groups:
        assert {p.ndim > 1 for p in group["params"]} == {group["weight_decay"] > 0}


def test_warmup_and_cosine():
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=2.0)
    schedule = warmup_cosine(optimizer, warmup=4, steps=24)
    rates = []
    for _ in range(26):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[:5] == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0])
    assert rates[14] == pytest.approx(2.0 * (1 + FLOOR) / 2)
    assert rates[24:] == pytest.approx([0.2, 0.2])
    assert rates[4:25] == sorted(rates[4:25], reverse=True)


def main() -> None:
    world, folder, kill_at = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

    def report(phase, step, total, **_):
        print(step, flush=True)
        if step == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    train(experiment(), world, folder, report)


if __name__ == "__main__":
    main()
