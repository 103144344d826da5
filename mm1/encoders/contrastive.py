"""Contrastive pre-training of an encoder (CLIP: Radford et al., arXiv 2103.00020) on pictures and captions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mm1.data.images import decode
from mm1.data.mix import Order
from mm1.data.sources import DocumentSource

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from mm1.encoders.vit import VisionTransformer

_WORDS = 40
_MAX_SCALE = math.log(100)


class ContrastivePair(nn.Module):
    """An image encoder and a small text tower that meet in one space.

    Attributes:
        encoder: the part that is kept.
    """

    def __init__(self, encoder: VisionTransformer, vocabulary: int, width: int = 64) -> None:
        super().__init__()
        self.encoder = encoder
        self.image_head = nn.Linear(encoder.width, width, bias=False)
        self.words = nn.Embedding(vocabulary, width, padding_idx=0)
        self.places = nn.Parameter(torch.randn(_WORDS, width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            width, 4, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.text = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.text_head = nn.Linear(width, width, bias=False)
        self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self, images: Tensor, ids: Tensor) -> Tensor:
        """uint8 images (B, 3, R, R) and caption ids (B, W), 0 = padding -> symmetric cross-entropy, a scalar."""
        features = self.encoder(self.encoder.preprocess(images)).mean(dim=1)
        image = functional.normalize(self.image_head(features), dim=-1)
        padded = ids == 0
        words = self.text(self.words(ids) + self.places[: ids.shape[1]], src_key_padding_mask=padded)
        pooled = (words * ~padded.unsqueeze(-1)).sum(1) / (~padded).sum(1, keepdim=True)
        text = functional.normalize(self.text_head(pooled), dim=-1)
        logits = self.scale.clamp(max=_MAX_SCALE).exp() * image @ text.T
        same = ids.unsqueeze(0).eq(ids.unsqueeze(1)).all(-1)  # equal captions are not each other's negatives
        logits = logits.masked_fill(
            same & ~torch.eye(len(ids), dtype=torch.bool, device=ids.device), -torch.inf
        )
        target = torch.arange(len(ids), device=ids.device)
        return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2


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
        ids = np.zeros((self.size, _WORDS), dtype=np.int64)
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
            self._cache[row] = decode(picture, self.resolution), ids[:_WORDS]
        return self._cache[row]


def _vary(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift by up to a pixel and scale the light per channel, so that a picture is never seen twice alike."""
    count = len(images)
    shift = rng.integers(-1, 2, size=2)
    light = rng.uniform(0.85, 1.15, size=(count, 3, 1, 1)).astype(np.float32)
    shifted = np.roll(images, shift, axis=(2, 3))
    return (shifted * light).clip(0, 255).astype(np.uint8)


def contrastive_loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """The pair's loss on a batch of CaptionBatches."""
    return model(batch["images"], batch["ids"])
