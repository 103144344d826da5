"""Encoded images to arrays."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, UnidentifiedImageError


class CorruptImage(ValueError):
    """Bytes that are no readable image."""


def decode(data: bytes | None, resolution: int) -> np.ndarray:
    """Encoded bytes -> uint8 (3, R, R); resized with antialiasing only if the size differs."""
    try:
        image = Image.open(io.BytesIO(data or b""))
        image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise CorruptImage(f"unreadable image of {len(data or b'')} bytes: {error}") from None
    if image.mode != "RGB":
        image = image.convert("RGB")
    if image.size != (resolution, resolution):
        image = image.resize((resolution, resolution), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return np.asarray(image).transpose(2, 0, 1)
