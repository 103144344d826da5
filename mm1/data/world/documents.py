"""Scenes and words to documents: caption pairs, interleaved pages, and text-only pages."""

from __future__ import annotations

from typing import Any

import numpy as np

from mm1.data.world import text
from mm1.data.world.grammar import DIALECTS
from mm1.data.world.render import png, render
from mm1.data.world.scene import Scene, draw


def dialect_of(rng: np.random.Generator) -> str:
    """The dialect of a document's author."""
    return DIALECTS[rng.integers(len(DIALECTS))]


def picture(scene: Scene) -> dict[str, Any]:
    """A drawn scene as `datasets.Image` stores it."""
    return {"bytes": png(render(scene)), "path": None}


def caption_pair(rng: np.random.Generator, synthetic_share: float, usual_share: float) -> dict[str, Any]:
    """One picture with its alt-text, or with a longer synthetic caption.

    Whatever `synthetic_share` is, pictures are the same and so are the captions of pictures that keep their style:
    `rng` moves on as it does at the `usual_share`.
    """
    scene, dialect, draw_of_style = draw(rng), dialect_of(rng), rng.random()
    apart = np.random.default_rng(int(draw_of_style * 2**53))
    alt = text.alt_text(scene, dialect, apart if draw_of_style < usual_share else rng)
    synthetic = draw_of_style < synthetic_share
    words = text.synthetic_caption(scene, dialect) if synthetic else alt
    style = "synthetic" if synthetic else "alt"
    return {"image": picture(scene), "caption": words, "group": dialect, "style": style}


def interleaved_page(rng: np.random.Generator) -> dict[str, Any]:
    """A web page of two to eight pictures: a gallery, a quiz on one kind of question, or a story of both."""
    dialect, genre = dialect_of(rng), rng.random()
    kind = _kind(rng)
    captioner = (text.plain_caption, text.sign_caption, text.synthetic_caption)[
        rng.choice(3, p=(0.3, 0.4, 0.3))
    ]
    blur = 0.5 if rng.random() < 0.15 else 0.08
    parts: list[tuple[dict | None, str | None]] = []
    for _ in range(int(rng.integers(2, 9))):
        quiz = genre < 0.6 or (genre > 0.8 and rng.random() < 0.5)
        scene = draw(rng, blurred=quiz and bool(rng.random() < blur))
        parts.append((picture(scene), None))
        if quiz:
            asked = kind if genre < 0.6 else _kind(rng)
            parts.append((None, text.exchange(text.ask(scene, asked, dialect, rng), dialect)))
        else:
            parts.append((None, captioner(scene, dialect)))
    images, texts = zip(*parts, strict=True)
    return {"images": list(images), "texts": list(texts), "group": dialect}


def _kind(rng: np.random.Generator) -> str:
    """What a quiz asks about; people ask what a sign says more often than anything else."""
    weights = np.array([2.5 if kind == "letter" else 1.0 for kind in text.KINDS])
    return text.KINDS[rng.choice(len(text.KINDS), p=weights / weights.sum())]


def text_page(rng: np.random.Generator) -> dict[str, Any]:
    """A page without pictures: told scenes with questions, world knowledge, or both in question form."""
    dialect, genre = dialect_of(rng), rng.random()
    kind = text.KINDS[rng.integers(len(text.KINDS))]
    lines = []
    for _ in range(int(rng.integers(3, 8))):
        if genre < 0.55:
            lines.append(text.tale_of_kind(draw(rng, blurred=False), kind, dialect, rng))
        elif genre < 0.75:
            lines.append(text.tale(draw(rng, blurred=False), dialect, rng))
        elif genre < 0.85:
            lines.append(text.lore(dialect, rng))
        elif genre < 0.95:
            lines.append(text.lore_exchange(dialect, rng))
        else:
            lines.append(text.palette(dialect, rng))
    return {"text": " ".join(lines), "group": dialect}
