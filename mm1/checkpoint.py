"""Checkpoints that survive a kill or a full disk: written aside, renamed into place, the one before kept until then."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Callback
from safetensors.torch import load_model, save_model
from torch import nn

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"


class Stopped(Exception):
    """Training stopped because it was asked to; a checkpoint lies in its folder."""


class SaveRegularly(Callback):
    """Save every `every` optimiser steps, and once more before stopping when `should_stop()` turns true on any rank."""

    def __init__(self, folder: Path, every: int, should_stop: Callable[[], bool]) -> None:
        self.folder, self.every, self.should_stop = folder, every, should_stop

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Remove what processes that were killed had half written."""
        if trainer.is_global_zero:
            for draft in self.folder.glob(f".{LAST}.*"):
                draft.unlink(missing_ok=True)

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save if a checkpoint is due; raise Stopped after saving if a stop was asked for."""
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return  # gradients that are still being summed are in no checkpoint
        step = trainer.global_step
        stop = trainer.strategy.reduce_boolean_decision(self.should_stop(), all=False)
        if stop or (step % self.every == 0 and step < trainer.max_steps):
            save(trainer, self.folder)
        if stop:
            raise Stopped(f"stopped at step {step}")


def save(trainer: Trainer, folder: Path) -> None:
    """Write `last.ckpt`; a crash at any moment leaves it or `previous.ckpt` whole."""
    with _draft(folder / LAST) as draft:
        trainer.save_checkpoint(draft)
        if trainer.is_global_zero:
            if (folder / LAST).exists():
                os.replace(folder / LAST, folder / PREVIOUS)
            os.replace(draft, folder / LAST)


class Direct(TorchCheckpointIO):
    """Writes where it is told to. Lightning's own goes through /tmp, which is small and is left full by a failure."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write the file; where the disk is full the error has the system's OSError as its context."""
        with open(path, "wb") as file:
            torch.save(checkpoint, file)


@contextlib.contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """Where to write before it is renamed to `path`; half a file is not left to fill the disk."""
    for old in path.parent.glob(
        f".{path.name}.*"
    ):  # of processes that were killed: a folder has one at a time
        old.unlink(missing_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def newest(folder: Path) -> Path | None:
    """The newest readable checkpoint; a truncated one is passed over."""
    for name in (LAST, PREVIOUS):
        path = folder / name
        if path.exists():
            try:
                torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            except Exception:  # whatever is wrong with a half-written file, the other one is to be tried
                continue
            return path
    return None


def save_weights(model: nn.Module, path: Path) -> None:
    """Publish weights as safetensors in one atomic rename."""
    with _draft(path) as draft:
        save_model(model, str(draft))
        os.replace(draft, path)


def load_weights(model: nn.Module, path: Path) -> None:
    """Load weights that `save_weights` wrote."""
    load_model(model, str(path))
