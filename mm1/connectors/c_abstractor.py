"""C-Abstractor of Honeybee (Cha et al., arXiv 2312.06742): convolutions, pooling, convolutions, then an MLP."""

from __future__ import annotations

import math

import torch
from timm.layers import LayerNorm2d
from timm.models.regnet import RegStage
from torch import Tensor, nn

from mm1.connectors.projection import projection


class CAbstractor(nn.Module):
    """Connector that keeps locality: `depth` RegNet blocks before and after the pooling to √M x √M.

    With depth 0 it is average pooling followed by the MLP, and that is what it computes at the start with any depth: a
    block ends linearly, as in timm's RegNetZ, and its last norm starts at zero. With Honeybee's activation after the
    sum and norms at one it does not learn to read in the micro recipe (docs/training.md).
    """

    def __init__(self, width_in: int, width_out: int, tokens: int, grid: tuple[int, int], depth: int) -> None:
        super().__init__()
        self.position = nn.Parameter(
            nn.init.trunc_normal_(torch.empty(1, grid[0] * grid[1], width_in), std=0.02)
        )
        self.before = _stage(depth, width_in)
        self.pool = nn.AdaptiveAvgPool2d(math.isqrt(tokens))
        self.after = _stage(depth, width_in)
        self.mlp = nn.Sequential(projection(width_in, width_out), nn.SiLU(), projection(width_out, width_out))

    def forward(self, features: Tensor, grid: tuple[int, int]) -> Tensor:
        """Features (N, h * w, D) -> image tokens (N, M, width_out)."""
        plane = (features + self.position).transpose(1, 2).unflatten(2, grid)
        plane = self.after(self.pool(self.before(plane)))
        return self.mlp(plane.flatten(2).transpose(1, 2))


def _stage(depth: int, width: int) -> nn.Module:
    if depth == 0:
        return nn.Identity()
    stage = RegStage(
        depth, width, width, stride=1, dilation=1, linear_out=True, act_layer=nn.SiLU, norm_layer=LayerNorm2d
    )
    for block in stage.children():
        block.zero_init_last()
    return stage
