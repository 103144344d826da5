"""The linear layers by which connectors give image tokens."""

from __future__ import annotations

from torch import nn


def projection(width_in: int, width_out: int) -> nn.Linear:
    """A linear layer after He et al. (arXiv 1502.01852): what comes out has the scale of what goes in.

    PyTorch's own start shrinks features to a half, and to less with every layer more; a language model that has been
    trained on text is slow to read image tokens that hardly differ.
    """
    layer = nn.Linear(width_in, width_out)
    nn.init.kaiming_normal_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
