"""The processes that train one cell together, as torch's launchers tell them: RANK, WORLD_SIZE, LOCAL_WORLD_SIZE."""

from __future__ import annotations

import os
from typing import Any


def rank() -> int:
    """This process among `world()`; rank 0 alone evaluates and writes."""
    return int(os.environ.get("RANK", 0))


def world() -> int:
    """How many processes train together, each on a device of its own."""
    return int(os.environ.get("WORLD_SIZE", 1))


def trainer_settings(*plugins: Any) -> dict[str, Any]:
    """What Lightning's Trainer has to know of them, and `plugins`. Their launcher owns signals and requeueing."""
    from lightning.pytorch.plugins.environments import LightningEnvironment, TorchElasticEnvironment

    if world() == 1:
        return {"devices": 1, "plugins": [*plugins, LightningEnvironment()]}
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", world()))
    nodes = world() // beside
    return {
        "devices": beside,
        "num_nodes": nodes,
        "strategy": "ddp",
        "plugins": [*plugins, TorchElasticEnvironment()],
    }
