"""What a reader needs to know before comparing two cells: sizes, what was seen, what was computed."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from mm1.config import Experiment
from mm1.model import MultimodalLM

_FORWARD, _THROUGH, _LEARN = 2, 2, 2
"""Operations for each parameter and position: forward, gradients of activations, gradients of weights (after
Kaplan et al., arXiv 2001.08361, section 2.1)."""


def facts(config: Experiment, model: MultimodalLM, counted: Mapping[str, float]) -> dict[str, float]:
    """Facts of a trained cell.

    Args:
        counted: `tokens` (real ones), `positions` (with padding), `images`, `corrupt` and `cut` documents.
    """
    patches = model.encoder.grid[0] * model.encoder.grid[1]
    embeddings = model.language.get_input_embeddings()
    return {
        "image_tokens": config.connector.tokens,
        "patches": patches,
        "resolution": config.encoder.resolution,
        "steps": config.training.steps,
        "tokens_seen": counted["tokens"],
        "images_seen": counted["images"],
        "useful_token_share": counted["tokens"] / max(1, counted["positions"]),
        "corrupt_documents": counted["corrupt"],
        "cut_documents": counted["cut"],
        "trainable_parameters": model.trainable_parameters(),
        "parameters": _size(model),
        "non_embedding_parameters": _size(model.language) - _size(embeddings),
        "active_parameters": _active(config, model.language) - _size(embeddings),
        "training_flops": _flops(config, model, counted, patches),
    }


def _flops(config: Experiment, model: MultimodalLM, counted: Mapping[str, float], patches: int) -> float:
    """Operations of training, attention scores left out; gradients go no further back than something learns."""
    shown = counted["images"] * patches
    sizes = {
        "encoder": _size(model.encoder) * shown,
        "connector": _size(model.connector) * shown,
        "language": _active(config, model.language) * counted["positions"],
    }
    total, upstream = 0.0, False
    for name, size in sizes.items():
        learns = name not in model.frozen
        upstream |= learns
        total += size * (_FORWARD + _THROUGH * upstream + _LEARN * learns)
    return total


def _active(config: Experiment, language: nn.Module) -> float:
    """Parameters of the LM that a token meets."""
    experts = config.language.experts
    if not experts.count:
        return _size(language)
    sparse = sum(p.numel() for name, p in language.named_parameters() if ".experts." in name)
    return _size(language) - sparse * (1 - experts.per_token / experts.count)


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
