"""Epochs of the code that decides a cell's result. Raise one, and results of before are never reused."""

CODE_EPOCH = 2
"""Model, data order, packing and training."""
EVALUATION = 1
"""Prompts, decoding and metrics."""
