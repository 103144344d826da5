"""What a frozen encoder's features tell: linear probes for the letter, colour, shape and position."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mm1.data.world.grammar import LETTERS
from mm1.data.world.render import render
from mm1.data.world.scene import COLOUR_NAMES, SHAPE_NAMES, Scene, draw
from mm1.encoders.vit import VisionTransformer

_PROBE_SEED = 987_654
_RIDGE = 1e-2
TARGETS: dict[str, Callable[[Scene], int]] = {
    "letter": lambda scene: LETTERS.index(scene.letter),
    "position": lambda scene: scene.sign_quadrant,
    "colour": lambda scene: 0 if (thing := scene.at(0)) is None else 1 + COLOUR_NAMES.index(thing.colour),
    "shape": lambda scene: 0 if (thing := scene.at(0)) is None else 1 + SHAPE_NAMES.index(thing.shape),
}


def probe(
    encoder: VisionTransformer, resolution: int, train: int = 6000, test: int = 1500
) -> dict[str, float]:
    """Accuracy of a ridge-regression probe on the flattened patch features, per target, on unseen sharp scenes.

    Returns:
        Shares of right answers in 0..1. Chance: letter 1/10, position 1/4; colour and shape of the top-left object
        include `none`.
    """
    rng = np.random.default_rng(_PROBE_SEED)
    scenes = [draw(rng, blurred=False) for _ in range(train + test)]
    features = _features(encoder, scenes, resolution)
    features = torch.cat([features, torch.ones(len(features), 1)], dim=1)
    fit, held = features[:train], features[train:]
    gram = fit.T @ fit + _RIDGE * train * torch.eye(fit.shape[1])
    factor = torch.linalg.cholesky(gram)
    accuracies = {}
    for name, target in TARGETS.items():
        labels = torch.tensor([target(scene) for scene in scenes])
        onehot = torch.nn.functional.one_hot(labels[:train]).float()
        guess = (held @ torch.cholesky_solve(fit.T @ onehot, factor)).argmax(1)
        accuracies[name] = float((guess == labels[train:]).float().mean())
    return accuracies


def _features(encoder: VisionTransformer, scenes: list[Scene], resolution: int) -> Tensor:
    """Standardised features, (scenes, L * D)."""
    from PIL import Image

    size = (resolution, resolution)
    pictures = [render(scene).resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0) for scene in scenes]
    images = torch.from_numpy(np.stack([np.asarray(picture).transpose(2, 0, 1) for picture in pictures]))
    device = encoder.mean.device
    encoder.eval()
    with torch.inference_mode():
        chunks = [
            encoder(encoder.preprocess(chunk.to(device))).flatten(1).cpu() for chunk in images.split(500)
        ]
    features = torch.cat(chunks).float()
    return (features - features.mean(0)) / (features.std(0) + 1e-6)
