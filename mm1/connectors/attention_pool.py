"""Attention pooling: M learned queries attend to the patch features, then a projection (MM1, section 3.1)."""

from __future__ import annotations

from timm.layers import AttentionPoolLatent
from torch import Tensor, nn

from mm1.connectors.projection import projection

_HEAD_WIDTH = 16


class AttentionPool(nn.Module):
    """Connector by attention pooling. `depth` has no meaning here and is ignored.

    Queries and positions start at the scale of the features and meet normalised, so that from the first step the
    queries look at different patches; as timm starts them all pool the same mean, and still do after a thousand
    steps. What they pool is normalised before the projection, as in Qwen-VL's resampler (arXiv 2308.12966).
    """

    def __init__(self, width_in: int, width_out: int, tokens: int, grid: tuple[int, int], depth: int) -> None:
        super().__init__()
        heads = max(1, width_in // max(_HEAD_WIDTH, width_in // 16))
        while width_in % heads:
            heads -= 1
        self.pool = AttentionPoolLatent(
            width_in,
            num_heads=heads,
            latent_len=tokens,
            pool_type="",
            feat_size=grid[0] * grid[1],
            pos_embed="abs",
            qk_norm=True,
        )
        nn.init.normal_(self.pool.latent)
        nn.init.normal_(self.pool.pos_embed)
        self.norm = nn.LayerNorm(width_in)
        self.project = projection(width_in, width_out)

    def forward(self, features: Tensor, grid: tuple[int, int]) -> Tensor:
        """Features (N, h * w, D) -> image tokens (N, M, width_out)."""
        return self.project(self.norm(self.pool(features)))
