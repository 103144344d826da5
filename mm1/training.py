"""One training loop for every stage: a loss over batches, under Lightning, resumable to the bit."""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import lightning
import torch
from torch import Tensor, nn

from mm1.checkpoint import Direct, SaveRegularly, newest
from mm1.optimizer import adamw, warmup_cosine
from mm1.ranks import trainer_settings

Report = Callable[..., None]
_METRICS_EVERY = 10


class NonFiniteLoss(RuntimeError):
    """The loss became NaN or infinite."""


class Batches(Protocol):
    """A source of batches that can be restored."""

    def batch(self) -> dict[str, Tensor]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Budget:
    """How long and how fast a stage trains.

    `steps` are optimiser steps; each takes `accumulate` batches. `scales` multiply the learning rate by part.
    """

    steps: int
    learning_rate: float
    weight_decay: float
    warmup: int
    clip: float = 1.0
    accumulate: int = 1
    precision: str = "32-true"
    checkpoint_every: int = 500
    scales: Mapping[str, float] = field(default_factory=dict)


class Training(lightning.LightningModule):
    """A model and its loss, with AdamW, warm-up and cosine.

    Args:
        model: what is trained.
        loss: `(model, batch) -> {"loss": scalar tensor, ...}`; whatever else it gives is logged.
        report: `report(phase, step, total, loss=..., metrics=...)`, called every step.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[nn.Module, dict], dict[str, Tensor]],
        budget: Budget,
        phase: str,
        report: Report,
    ) -> None:
        super().__init__()
        self.model, self.loss, self.budget = model, loss, budget
        self.phase, self.report = phase, report
        self.seen = dict.fromkeys(("tokens", "positions", "images"), 0)
        self.final_loss = math.nan
        self._grad_norm = math.nan
        self._found: dict[str, Tensor] = {}
        self._clock: tuple[float, int] | None = None

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        """The loss of one batch; a non-finite one raises NonFiniteLoss, on every rank."""
        found = self.loss(self.model, batch)
        loss = found["loss"]
        self._found = {name: value.detach() for name, value in found.items()}
        if self.trainer.world_size > 1:
            loss = loss * self._share(batch)
        self.final_loss = float(self._found["loss"])
        if not math.isfinite(self.final_loss):
            raise NonFiniteLoss(
                f"{self.phase}: loss is {self.final_loss} at step {self.global_step}"
                f" (learning rate {self.budget.learning_rate:g}, gradient norm before it {self._grad_norm:.3g})"
            )
        if "tokens" in batch:
            counts = torch.tensor([batch["tokens"], batch["input_ids"].numel(), len(batch["images"])])
            for name, count in zip(self.seen, self._over_ranks(counts, "sum").tolist(), strict=True):
                self.seen[name] += int(count)
        return loss

    def _share(self, batch: dict[str, Tensor]) -> Tensor:
        """This rank's part in the step's loss, times the ranks, since DDP averages gradients over them.

        Ranks differ in how many tokens they predict; weighted by that, their mean is the loss of the whole
        batch, and what is logged too.
        """
        predicted = (batch["labels"][:, 1:] != -100).sum().float()
        share = predicted / self._over_ranks(predicted, "mean")
        names = list(self._found)
        means = self._over_ranks(torch.stack([self._found[name] for name in names]) * share, "mean")
        self._found = dict(zip(names, means, strict=True))
        return share

    def _over_ranks(self, values: Tensor, how: str) -> Tensor:
        """Sum or mean of a tensor over all ranks; the tensor itself where there is one."""
        if self.trainer.world_size == 1:
            return values
        own = values.to(self.device, copy=True)  # the strategy reduces in place
        return self.trainer.strategy.reduce(own, reduce_op=how)

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW with warm-up and cosine, stepped every optimiser step."""
        budget = self.budget
        optimizer = adamw(self.model, budget.learning_rate, budget.weight_decay, budget.scales)
        schedule = warmup_cosine(optimizer, budget.warmup, budget.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def configure_gradient_clipping(self, optimizer: Any, gradient_clip_val: float, **_: Any) -> None:
        """Clip by global norm and keep the norm for the record."""
        parameters = [p for p in self.model.parameters() if p.grad is not None]
        self._grad_norm = float(nn.utils.clip_grad_norm_(parameters, gradient_clip_val))

    def on_train_batch_end(self, *_: Any) -> None:
        """Tell how far training is; every tenth step with its metrics."""
        step = self.global_step
        metrics = self._metrics(step) if step % _METRICS_EVERY == 0 else None
        self.report(self.phase, step, self.budget.steps, loss=self.final_loss, metrics=metrics)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the random state and the counters, so that a resumed run ends with the same bits."""
        checkpoint["rng"] = torch.get_rng_state()
        checkpoint["seen"] = dict(self.seen)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore what `on_save_checkpoint` kept."""
        torch.set_rng_state(checkpoint["rng"])
        self.seen = dict(checkpoint["seen"])

    def _metrics(self, step: int) -> dict[str, float]:
        now, before = (time.monotonic(), self.seen["tokens"]), self._clock
        self._clock = now
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        metrics = {name: float(value) for name, value in self._found.items()}
        metrics |= {"learning_rate": rate, "grad_norm": self._grad_norm}
        if before is not None and now[1]:
            metrics["tokens_per_second"] = (now[1] - before[1]) / max(1e-9, now[0] - before[0])
        return {f"{self.phase}/{name}": value for name, value in metrics.items()}


class DataModule(lightning.LightningDataModule):
    """Batches for a fixed number of micro-steps; its state travels in the checkpoint."""

    def __init__(self, batches: Batches, count: int) -> None:
        super().__init__()
        self.batches, self.count = batches, count

    def train_dataloader(self) -> _Counted:
        """An iterable of known length: Lightning prefetches nothing then, so the state is never ahead."""
        return _Counted(self.batches, self.count)

    def state_dict(self) -> dict[str, Any]:
        """The position in the data."""
        return self.batches.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to a position in the data."""
        self.batches.load_state_dict(state)


class _Counted:
    def __init__(self, batches: Batches, count: int) -> None:
        self.batches, self.count = batches, count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        for _ in range(self.count):
            yield self.batches.batch()


def fit(
    module: Training,
    batches: Batches,
    folder: Path,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train to the end of the budget, from the newest checkpoint in `folder` if there is one.

    Raises:
        Stopped: `should_stop()` turned true; a checkpoint has been saved.
        NonFiniteLoss: with the step.
    """
    quiet()
    budget = module.budget
    folder.mkdir(parents=True, exist_ok=True)
    trainer = lightning.Trainer(
        max_steps=budget.steps,
        accumulate_grad_batches=budget.accumulate,
        gradient_clip_val=budget.clip,
        precision=budget.precision,
        callbacks=[SaveRegularly(folder, budget.checkpoint_every, should_stop)],
        **trainer_settings(Direct()),
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    module.train()
    trainer.fit(
        module,
        datamodule=DataModule(batches, budget.steps * budget.accumulate),
        ckpt_path=newest(folder),
        weights_only=True,
    )


def quiet() -> None:
    """Lightning's advice is for interactive use; the harness says what matters."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
