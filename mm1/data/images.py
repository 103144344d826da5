"""Encoded images to arrays."""

from __future__ import annotations

import hashlib
import io
from operator import attrgetter

import numpy as np
from cachetools import LRUCache, cached
from PIL import Image

_KEPT = 512 * 2**20
"""Bytes of decoded images that a process keeps."""


class CorruptImage(ValueError):
    """Bytes that are no readable image."""


def _key(data: bytes, resolution: int) -> tuple[bytes, int]:
    return hashlib.blake2b(data, digest_size=16).digest(), resolution


@cached(LRUCache(_KEPT, getsizeof=attrgetter("nbytes")), key=_key)
def decode(data: bytes, resolution: int) -> np.ndarray:
    """Encoded bytes -> uint8 (3, R, R), read-only; resized with antialiasing only if the size differs.

    The images used last are kept decoded: the cells of one worker draw the same ones in another order.
    """
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
