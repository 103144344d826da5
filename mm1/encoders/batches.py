"""Pictures with captions for the pre-training of encoders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from mm1.data.images import decode
from mm1.data.mix import Order
from mm1.data.sources import DocumentSource

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

WORDS = 40
"""Tokens of a caption that are read; the rest is cut."""


class CaptionBatches:
    """Pictures and caption ids in a seeded order, with slight shifts and changes of light; restorable."""

    def __init__(
        self,
        source: DocumentSource,
        tokenizer: PreTrainedTokenizerFast,
        resolution: int,
        batch: int,
        seed: int,
    ) -> None:
        self.source, self.tokenizer, self.resolution = source, tokenizer, resolution
        self.size, self.seed, self.step = batch, seed, 0
        self.order = Order("encoder", len(source), seed)
        self._cache: dict[int, tuple[np.ndarray, list[int]]] = {}

    def batch(self) -> dict[str, Tensor]:
        """`images` (B, 3, R, R) uint8 and `ids` (B, W) int64."""
        draws = range(self.step * self.size, (self.step + 1) * self.size)
        pairs = [self._pair(self.order.row(draw)) for draw in draws]
        ids = np.zeros((self.size, WORDS), dtype=np.int64)
        for row, (_, words) in enumerate(pairs):
            ids[row, : len(words)] = words
        rng = np.random.default_rng([self.seed, self.step])
        self.step += 1
        images = _vary(np.stack([image for image, _ in pairs]), rng)
        width = max(len(words) for _, words in pairs)
        return {"images": torch.from_numpy(images), "ids": torch.from_numpy(ids[:, :width])}

    def state_dict(self) -> dict[str, Any]:
        """Where to go on."""
        return {"step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.step = state["step"]

    def _pair(self, row: int) -> tuple[np.ndarray, list[int]]:
        if row not in self._cache:
            document = self.source[row]
            (picture,) = document.pictures
            words = document.text.replace("<image>", "").strip()
            ids = self.tokenizer(words, add_special_tokens=False)["input_ids"]
            self._cache[row] = decode(picture, self.resolution), ids[:WORDS]
        return self._cache[row]


def _vary(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift by up to a pixel and scale the light per channel, so that a picture is never seen twice alike."""
    count = len(images)
    shift = rng.integers(-1, 2, size=2)
    light = rng.uniform(0.85, 1.15, size=(count, 3, 1, 1)).astype(np.float32)
    shifted = np.roll(images, shift, axis=(2, 3))
    return (shifted * light).clip(0, 255).astype(np.uint8)


def objective_loss(model: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """An objective's loss on a batch of CaptionBatches."""
    return {"loss": model(batch["images"], batch["ids"])}
