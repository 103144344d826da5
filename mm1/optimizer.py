"""AdamW without decay on one-dimensional parameters, linear warm-up, cosine to a tenth of the peak."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

FLOOR = 0.1


def adamw(
    model: nn.Module, learning_rate: float, weight_decay: float, scales: Mapping[str, float] | None = None
) -> torch.optim.AdamW:
    """AdamW over the trainable parameters; norms, biases and scales are not decayed.

    Args:
        scales: name of a child module -> factor on its learning rate; 1 where it is not named.
    """
    groups, taken = [], set()
    for part, child in (*model.named_children(), ("", model)):
        rate = learning_rate * (scales or {}).get(part, 1.0)
        own = child.parameters() if part else model.parameters(recurse=False)
        trainable = [p for p in own if p.requires_grad and p not in taken]
        taken.update(trainable)  # tied weights are found in two parts and belong to the first
        groups.append(
            {"params": [p for p in trainable if p.ndim > 1], "weight_decay": weight_decay, "lr": rate}
        )
        groups.append({"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0, "lr": rate})
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98), fused=True)


def warmup_cosine(
    optimizer: torch.optim.Optimizer, warmup: int, steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Linear from 0 over `warmup` steps, then cosine to `FLOOR` of the peak at `steps` (MM1, appendix B)."""

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        progress = min(1.0, (step - warmup) / max(1, steps - warmup))
        return FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * progress))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
