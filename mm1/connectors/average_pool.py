"""Average pooling: the patch grid pooled to √M x √M, then one linear layer (MM1, section 3.1)."""

from __future__ import annotations

import math

from torch import Tensor, nn

from mm1.connectors.projection import projection


class AveragePool(nn.Module):
    """Connector by average pooling. `depth` has no meaning here and is ignored."""

    def __init__(self, width_in: int, width_out: int, tokens: int, grid: tuple[int, int], depth: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(math.isqrt(tokens))
        self.project = projection(width_in, width_out)

    def forward(self, features: Tensor, grid: tuple[int, int]) -> Tensor:
        """Features (N, h * w, D) -> image tokens (N, M, width_out)."""
        plane = features.transpose(1, 2).unflatten(2, grid)
        return self.project(self.pool(plane).flatten(2).transpose(1, 2))
