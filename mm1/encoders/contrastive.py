"""Contrastive pre-training of an encoder (CLIP: Radford et al., arXiv 2103.00020) on pictures and captions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from mm1.encoders.batches import WORDS

if TYPE_CHECKING:
    from mm1.encoders.vit import VisionTransformer

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
        self.places = nn.Parameter(torch.randn(WORDS, width) * 0.02)
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
