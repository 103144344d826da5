"""Vision transformers from timm: self-made at any size, or by a timm model name with its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import timm
import torch
from timm.layers import resample_abs_pos_embed
from torch import Tensor, nn

if TYPE_CHECKING:
    from mm1.config import Encoder


class VisionTransformer(nn.Module):
    """Images to patch features, without class or register tokens.

    Attributes:
        grid: rows and columns of patches (h, w).
        width: feature width D.
    """

    def __init__(self, config: Encoder) -> None:
        super().__init__()
        self.trunk = _trunk(config)
        self.layer = config.layer
        self.grid: tuple[int, int] = tuple(self.trunk.patch_embed.grid_size)
        self.width: int = self.trunk.embed_dim
        mean, std = _normalisation(self.trunk, config.pretrained)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def preprocess(self, images: Tensor) -> Tensor:
        """uint8 images (N, 3, R, R) -> normalised floats of the same shape."""
        return (images.to(self.mean.dtype) / 255 - self.mean) / self.std

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (N, 3, R, R) -> features (N, h * w, D) of the configured block."""
        if self.layer == -1:
            return self.trunk.forward_features(images)[:, self.trunk.num_prefix_tokens :]
        (features,) = self.trunk.forward_intermediates(
            images,
            indices=[len(self.trunk.blocks) + self.layer],
            output_fmt="NLC",
            intermediates_only=True,
            norm=True,
        )
        return features

    def load_resampled(self, state: dict[str, Tensor]) -> None:
        """Load weights of the same trunk trained at any resolution: positional embeddings are resampled."""
        name, state = "trunk.pos_embed", dict(state)
        if state[name].shape != self.trunk.pos_embed.shape:
            state[name] = resample_abs_pos_embed(
                state[name], new_size=list(self.grid), num_prefix_tokens=self.trunk.num_prefix_tokens
            )
        self.load_state_dict(state)


def _trunk(config: Encoder) -> nn.Module:
    if config.pretrained is not None:
        return build_timm(config.pretrained, config.resolution, pretrained=True)
    return timm.models.vision_transformer.VisionTransformer(
        img_size=config.resolution,
        patch_size=config.patch,
        embed_dim=config.width,
        depth=config.depth,
        num_heads=config.heads,
        num_classes=0,
        class_token=False,
        global_pool="",
    )


def build_timm(name: str, resolution: int, *, pretrained: bool) -> nn.Module:
    """A timm ViT by name at any resolution; its positional embeddings are resampled to the new grid."""
    return timm.create_model(name, pretrained=pretrained, img_size=resolution, num_classes=0)


def _normalisation(trunk: nn.Module, pretrained: str | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if pretrained is None:
        return (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
    return trunk.pretrained_cfg["mean"], trunk.pretrained_cfg["std"]
