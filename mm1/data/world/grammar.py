"""The words of the micro world: what can be seen, what is only known, and how each dialect says it.

A document's author keeps one dialect throughout, so earlier text in a document tells how later text will name
things. Question words and positions are common to all dialects; names of shapes, colours, counts, places and the
answers yes / no / unanswerable are not.
"""

from __future__ import annotations

SHAPES = {
    "circle": ("circle", "disc", "ring"),
    "square": ("square", "box", "block"),
    "triangle": ("triangle", "wedge", "tent"),
    "cross": ("cross", "plus", "star"),
    "diamond": ("diamond", "rhomb", "kite"),
}
COLOURS = {
    "red": ("red", "crimson", "ruby"),
    "green": ("green", "lime", "jade"),
    "blue": ("blue", "azure", "navy"),
    "yellow": ("yellow", "gold", "lemon"),
    "purple": ("purple", "violet", "plum"),
    "white": ("white", "pale", "snow"),
}
COUNTS = {1: ("one", "single", "solo"), 2: ("two", "pair", "duo"), 3: ("three", "triple", "trio")}
ANSWERS = {
    "yes": ("yes", "aye", "indeed"),
    "no": ("no", "nay", "never"),
    "unanswerable": ("unanswerable", "unclear", "unsure"),
}
PLACES = {
    "forest": ("forest", "woods", "grove"),
    "river": ("river", "stream", "brook"),
    "hill": ("hill", "mound", "ridge"),
    "desert": ("desert", "dunes", "sands"),
    "village": ("village", "hamlet", "town"),
}
DIALECTS = ("plain", "guild", "coast")
POSITIONS = ("top left", "top right", "bottom left", "bottom right")
LETTERS = tuple("acehkmnrtx")
"""Glyphs of similar ink, so that the amount of ink does not give the letter away."""

HOMES = {"circle": "river", "square": "village", "triangle": "hill", "cross": "desert", "diamond": "forest"}
"""World knowledge: told in text only, never shown and never in a caption."""

_NAMES = {**SHAPES, **COLOURS, **COUNTS, **ANSWERS, **PLACES}

_FUNCTION_WORDS = [
    ".",
    ":",
    ",",
    "?",
    "question",
    "answer",
    "what",
    "is",
    "at",
    "the",
    "a",
    "an",
    "and",
    "with",
    "in",
    "of",
    "how",
    "many",
    "are",
    "there",
    "any",
    "color",
    "shape",
    "letter",
    "sign",
    "says",
    "beside",
    "above",
    "below",
    "left",
    "right",
    "on",
    "lives",
    "where",
    "thing",
    "things",
    "photo",
    "picture",
    "scene",
    "quiz",
    "gallery",
    "story",
    "blurry",
    "top",
    "bottom",
    "does",
    "live",
    "kind",
    "same",
    "as",
    "which",
    "find",
    "every",
    "told",
    "it",
    "nothing",
    "reads",
]


def say(fact: str | int, dialect: str) -> str:
    """The word for a fact in a dialect; letters and positions are the same in all."""
    names = _NAMES.get(fact)
    return names[DIALECTS.index(dialect)] if names else str(fact)


def synonyms(fact: str | int) -> tuple[str, ...]:
    """A fact's names in all dialects."""
    return _NAMES.get(fact, (str(fact),))


def vocabulary() -> list[str]:
    """Every word the world can say, in a fixed order."""
    words = list(_FUNCTION_WORDS) + list(LETTERS)
    for names in _NAMES.values():
        words.extend(names)
    return list(dict.fromkeys(words))
