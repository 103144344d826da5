"""Scenes to pictures: drawn at four times CANVAS x CANVAS pixels and reduced, with sensor noise."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from mm1.data.world.scene import Scene, Thing

CANVAS = 48
_SCALE = 4
_QUADRANT = CANVAS * _SCALE // 2
_RGB = {
    "red": (225, 45, 45),
    "green": (45, 180, 60),
    "blue": (50, 90, 235),
    "yellow": (240, 215, 50),
    "purple": (160, 60, 200),
    "white": (240, 240, 240),
}
# 5 x 7 dot-matrix glyphs, one string per row.
_GLYPHS = {
    "a": ".###. #...# #...# ##### #...# #...# #...#",
    "c": ".#### #.... #.... #.... #.... #.... .####",
    "e": "##### #.... #.... ####. #.... #.... #####",
    "h": "#...# #...# #...# ##### #...# #...# #...#",
    "k": "#...# #..#. #.#.. ##... #.#.. #..#. #...#",
    "m": "#...# ##.## #.#.# #.#.# #...# #...# #...#",
    "n": "#...# ##..# #.#.# #.#.# #..## #...# #...#",
    "r": "####. #...# #...# ####. #.#.. #..#. #...#",
    "t": "##### ..#.. ..#.. ..#.. ..#.. ..#.. ..#..",
    "x": "#...# #...# .#.#. ..#.. .#.#. #...# #...#",
}
_MASKS = {
    letter: np.array([[dot == "#" for dot in row] for row in rows.split()])
    for letter, rows in _GLYPHS.items()
}


def render(scene: Scene) -> Image.Image:
    """Draw a scene, (CANVAS, CANVAS) RGB."""
    image = Image.new("RGB", (CANVAS * _SCALE, CANVAS * _SCALE), scene.background)
    canvas = ImageDraw.Draw(image)
    for thing in scene.things:
        _draw_thing(canvas, thing)
    rng = np.random.default_rng(scene.noise_seed)
    _draw_sign(canvas, scene, rng)
    image = image.reduce(_SCALE)
    if scene.blurred:
        image = image.filter(ImageFilter.GaussianBlur(scene.blur))
    noisy = np.asarray(image, dtype=np.int16) + rng.integers(
        -12, 13, size=(CANVAS, CANVAS, 3), dtype=np.int16
    )
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def png(image: Image.Image) -> bytes:
    """A picture as PNG bytes, quickly rather than tightly packed."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _corner(quadrant: int) -> tuple[int, int]:
    return (quadrant % 2) * _QUADRANT, (quadrant // 2) * _QUADRANT


def _draw_thing(canvas: ImageDraw.ImageDraw, thing: Thing) -> None:
    left, top = _corner(thing.quadrant)
    x = left + _QUADRANT * (0.5 + thing.dx)
    y = top + _QUADRANT * (0.5 + thing.dy)
    r = _QUADRANT * thing.size / 2
    colour = _RGB[thing.colour]
    if thing.shape == "circle":
        canvas.ellipse((x - r, y - r, x + r, y + r), fill=colour)
    elif thing.shape == "square":
        canvas.rectangle((x - 0.85 * r, y - 0.85 * r, x + 0.85 * r, y + 0.85 * r), fill=colour)
    elif thing.shape == "triangle":
        canvas.polygon([(x, y - r), (x - r, y + r), (x + r, y + r)], fill=colour)
    elif thing.shape == "diamond":
        canvas.polygon([(x, y - r), (x - r, y), (x, y + r), (x + r, y)], fill=colour)
    else:
        arm = 0.36 * r
        canvas.rectangle((x - r, y - arm, x + r, y + arm), fill=colour)
        canvas.rectangle((x - arm, y - r, x + arm, y + r), fill=colour)


def _draw_sign(canvas: ImageDraw.ImageDraw, scene: Scene, rng: np.random.Generator) -> None:
    """A grey plate with a letter in fine print: 5 x 7 dots of little more than one canvas pixel each."""
    left, top = _corner(scene.sign_quadrant)
    plate, ink = int(rng.integers(150, 200)), int(rng.integers(10, 50))
    dot = float(rng.uniform(1.3, 1.6)) * _SCALE
    width, height = 5 * dot, 7 * dot
    x = left + (_QUADRANT - width) * float(rng.uniform(0.25, 0.75))
    y = top + (_QUADRANT - height) * float(rng.uniform(0.25, 0.75))
    canvas.rectangle((x - dot, y - dot, x + width + dot, y + height + dot), fill=(plate,) * 3)
    for row, column in np.argwhere(_MASKS[scene.letter]):
        corner = (x + column * dot, y + row * dot)
        canvas.rectangle((*corner, corner[0] + dot - 1, corner[1] + dot - 1), fill=(ink,) * 3)
