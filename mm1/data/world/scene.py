"""A scene's facts: one to three objects in the quadrants, a lettered sign, and how the picture was taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm1.data.world.grammar import COLOURS, LETTERS, POSITIONS, SHAPES

SHAPE_NAMES, COLOUR_NAMES = tuple(SHAPES), tuple(COLOURS)
NOVEL = (
    ("red", "cross"),
    ("blue", "triangle"),
    ("yellow", "diamond"),
    ("purple", "square"),
    ("white", "circle"),
)
"""Combinations that training data never shows: the novel-object captioning benchmark."""


@dataclass(frozen=True, slots=True)
class Thing:
    """An object: its colour, shape, quadrant (0..3), size as a share of the quadrant, and offset in it."""

    colour: str
    shape: str
    quadrant: int
    size: float
    dx: float
    dy: float


@dataclass(frozen=True, slots=True)
class Scene:
    """Facts of one picture. `blur` is a radius in pixels of the canvas; 0 is sharp."""

    things: tuple[Thing, ...]
    letter: str
    sign_quadrant: int
    blur: float
    background: tuple[int, int, int]
    noise_seed: int

    def at(self, quadrant: int) -> Thing | None:
        """The object in a quadrant, if there is one."""
        return next((thing for thing in self.things if thing.quadrant == quadrant), None)

    @property
    def blurred(self) -> bool:
        """Whether the picture is too blurred to answer questions about it."""
        return self.blur > 0


def draw(rng: np.random.Generator, *, novel: bool = False, blurred: bool | None = None) -> Scene:
    """Draw a scene. The sign takes one quadrant, the objects one to three of the others."""
    quadrants = rng.permutation(len(POSITIONS))
    count = int(rng.choice([1, 2, 3], p=[0.4, 0.35, 0.25]))
    things = tuple(
        _thing(rng, int(q), novel and i == 0) for i, q in enumerate(sorted(quadrants[1 : 1 + count]))
    )
    blurred = bool(rng.random() < 0.12) if blurred is None else blurred
    return Scene(
        things=things,
        letter=str(rng.choice(LETTERS)),
        sign_quadrant=int(quadrants[0]),
        blur=float(rng.uniform(4.5, 6.0)) if blurred else 0.0,
        background=tuple(int(v) for v in rng.integers(20, 90, size=3)),
        noise_seed=int(rng.integers(2**31)),
    )


def _thing(rng: np.random.Generator, quadrant: int, novel: bool) -> Thing:
    if novel:
        colour, shape = NOVEL[rng.integers(len(NOVEL))]
    else:
        while (pair := (str(rng.choice(COLOUR_NAMES)), str(rng.choice(SHAPE_NAMES)))) in NOVEL:
            pass
        colour, shape = pair
    size = float(rng.uniform(0.3, 0.85))
    slack = (1 - size) / 2
    return Thing(
        colour, shape, quadrant, size, float(rng.uniform(-slack, slack)), float(rng.uniform(-slack, slack))
    )
