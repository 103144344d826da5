"""Encoded images to arrays."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


class CorruptImage(ValueError):
    """Bytes that are no readable image."""


def decode(data: bytes, resolution: int) -> np.ndarray:
    """Encoded bytes -> uint8 (3, R, R); resized with antialiasing only if the size differs."""
    try:
        image = Image.open(io.BytesIO(data))
        image.draft(
            "RGB", (2 * resolution, 2 * resolution)
        )  # a large JPEG is decoded at a fraction of its size
        image.load()
        image = image if image.mode == "RGB" else image.convert("RGB")
    except Exception as error:  # a damaged file may raise nearly anything inside PIL's plugins
        raise CorruptImage(f"unreadable image of {len(data)} bytes: {error}") from None
    if image.size != (resolution, resolution):
        image = image.resize((resolution, resolution), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return np.asarray(image).transpose(2, 0, 1)
