"""Autoregressive pre-training of an encoder on pixels (AIM: El-Nouby et al., arXiv 2401.08541)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from mm1.encoders.vit import VisionTransformer


class AutoregressivePixels(nn.Module):
    """An image encoder that predicts every patch from the patches before it, in raster order.

    A prefix of random length is seen in both directions, as the whole picture is downstream; what follows it is
    causal and bears the loss. Captions are not read.

    Attributes:
        encoder: the part that is kept.
    """

    def __init__(self, encoder: VisionTransformer, vocabulary: int) -> None:
        super().__init__()
        self.encoder = encoder
        patch = encoder.trunk.patch_embed.patch_size[0]
        self.head = nn.Sequential(
            nn.Linear(encoder.width, 4 * encoder.width),
            nn.GELU(),
            nn.Linear(4 * encoder.width, 3 * patch * patch),
        )

    def forward(self, images: Tensor, ids: Tensor) -> Tensor:
        """uint8 images (B, 3, R, R) -> mean squared error of normalised pixels beyond the prefix, a scalar."""
        pixels = self.encoder.preprocess(images)
        target = patches(pixels, self.encoder.trunk.patch_embed.patch_size[0])
        prefix = torch.randint(1, target.shape[1], (len(images),)).to(images.device)
        mask = prefix_causal(prefix, target.shape[1])
        features = self.encoder.trunk.forward_features(pixels, attn_mask=mask.unsqueeze(1))
        error = (self.head(features[:, :-1]) - target[:, 1:]).square().mean(-1)
        bears = torch.arange(1, target.shape[1], device=images.device) >= prefix.unsqueeze(1)
        return (error * bears).sum() / bears.sum()


def patches(pixels: Tensor, size: int) -> Tensor:
    """Images (B, 3, R, R) -> patches in raster order (B, N, 3 * size * size), each with mean 0 and variance 1."""
    cut = functional.unfold(pixels, size, stride=size).transpose(1, 2)
    return (cut - cut.mean(-1, keepdim=True)) / (cut.var(-1, keepdim=True) + 1e-6).sqrt()


def prefix_causal(prefix: Tensor, count: int) -> Tensor:
    """Prefix lengths (B,) -> (B, N, N), true where a patch (row) may see another (column)."""
    place = torch.arange(count, device=prefix.device)
    causal = place.unsqueeze(0) <= place.unsqueeze(1)
    return causal | (place < prefix.unsqueeze(1)).unsqueeze(1)
