"""The multimodal stage: the whole model on packed documents of the mix; and the LM's own stage, on text."""

from __future__ import annotations

from torch import Tensor, nn

from mm1.config import Experiment
from mm1.data.loader import PackedBatches
from mm1.training import Budget


def multimodal_loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Mean next-token loss over text positions of packed documents."""
    return model(batch["input_ids"], batch["position_ids"], batch["images"], batch["labels"]).loss


def text_loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """The same for a bare LM."""
    fields = {name: batch[name] for name in ("input_ids", "position_ids", "labels")}
    return model(**fields, use_cache=False).loss


def multimodal_budget(config: Experiment) -> Budget:
    """The budget of the multimodal stage."""
    training = config.training
    return Budget(
        steps=training.steps,
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        warmup=training.warmup,
        clip=training.clip,
        accumulate=training.accumulate,
        precision=training.precision,
        checkpoint_every=training.checkpoint_every,
        scales={
            name: getattr(config, name).learning_rate_scale for name in ("encoder", "connector", "language")
        },
    )


def held_out_loss(model: nn.Module, batches: PackedBatches, count: int) -> float:
    """Mean loss over `count` batches, without training."""
    import torch

    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        on_device = ({k: v.to(device) for k, v in batches.batch().items()} for _ in range(count))
        losses = [float(multimodal_loss(model, batch)) for batch in on_device]
    model.train(was_training)
    return sum(losses) / len(losses)
