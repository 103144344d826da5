"""The linear layers by which connectors give image tokens."""

from __future__ import annotations

from torch import nn


def projection(width_in: int, width_out: int) -> nn.Linear:
    """A linear layer that starts after He et al. (arXiv 1502.01852), so that its output is no smaller than its input.

    PyTorch's own start nearly halves features with every layer, and a language model trained on text is slow to learn
    to read small image tokens (docs/training.md).
    """
    layer = nn.Linear(width_in, width_out)
    nn.init.kaiming_normal_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
