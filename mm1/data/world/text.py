"""What the world's authors write: captions, questions with answers, and text-only documents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm1.data.world.grammar import COLOURS, HOMES, LETTERS, POSITIONS, SHAPES, say
from mm1.data.world.scene import Scene, Thing

KINDS = ("colour", "shape", "count", "presence", "letter", "relation", "home")
_SIDES = {(0, 1): "right", (0, 2): "below", (1, 0): "left", (1, 3): "below"}
_SIDES |= {(2, 0): "above", (2, 3): "right", (3, 1): "above", (3, 2): "left"}


@dataclass(frozen=True, slots=True)
class Question:
    """A question in words and its answer as a fact (`say` names it in a dialect)."""

    kind: str
    text: str
    answer: str | int


def phrase(thing: Thing, dialect: str) -> str:
    """`a crimson disc`."""
    return f"a {say(thing.colour, dialect)} {say(thing.shape, dialect)}"


def alt_text(scene: Scene, dialect: str, rng: np.random.Generator) -> str:
    """A short web caption: one fact or two of the picture, sometimes nothing about it at all."""
    if rng.random() < 0.1:
        return str(rng.choice(["photo .", "picture of thing .", "a scene ."]))
    if scene.blurred:
        return "a blurry photo ."
    choice = rng.random()
    if choice < 0.3:
        return f"a sign with letter {scene.letter} ."
    thing = scene.things[rng.integers(len(scene.things))]
    if choice < 0.6:
        return f"{phrase(thing, dialect)} ."
    return f"{phrase(thing, dialect)} at {POSITIONS[thing.quadrant]} ."


def synthetic_caption(scene: Scene, dialect: str) -> str:
    """A complete caption: every object with its place, and what the sign says."""
    if scene.blurred:
        return "a blurry photo ."
    things = " and ".join(
        f"{phrase(thing, dialect)} at {POSITIONS[thing.quadrant]}" for thing in scene.things
    )
    return f"{things} , sign says {scene.letter} ."


def plain_caption(scene: Scene, dialect: str) -> str:
    """The objects without their places: the reference of the captioning benchmarks."""
    return " and ".join(phrase(thing, dialect) for thing in scene.things) + " ."


def sign_caption(scene: Scene, dialect: str) -> str:
    """One object and what the sign says: the reference of the text-in-image captioning benchmark."""
    return f"{phrase(scene.things[0], dialect)} and a sign with letter {scene.letter} ."


def ask(scene: Scene, kind: str, dialect: str, rng: np.random.Generator) -> Question:
    """Ask a question of a kind about a scene. A blurred picture makes every answer `unanswerable`."""
    question = _ask(scene, kind, dialect, rng)
    return Question(kind, question.text, "unanswerable") if scene.blurred else question


def _ask(scene: Scene, kind: str, dialect: str, rng: np.random.Generator) -> Question:
    thing = scene.things[rng.integers(len(scene.things))]
    place = POSITIONS[thing.quadrant]
    if kind == "colour":
        return Question(kind, f"what color is at {place} ?", thing.colour)
    if kind == "shape":
        return Question(kind, f"what shape is at {place} ?", thing.shape)
    if kind == "count":
        return Question(kind, "how many things are there ?", len(scene.things))
    if kind == "presence":
        return _presence(scene, thing, dialect, rng)
    if kind == "letter":
        return Question(kind, "what letter is on the sign ?", scene.letter)
    if kind == "relation":
        return _relation(scene, thing, dialect, rng)
    return Question(kind, f"where does the thing at {place} live ?", HOMES[thing.shape])


def _presence(scene: Scene, thing: Thing, dialect: str, rng: np.random.Generator) -> Question:
    wanted = thing.shape if rng.random() < 0.5 else str(rng.choice(list(SHAPES)))
    there = any(other.shape == wanted for other in scene.things)
    return Question("presence", f"is there a {say(wanted, dialect)} ?", "yes" if there else "no")


def _relation(scene: Scene, thing: Thing, dialect: str, rng: np.random.Generator) -> Question:
    """What lies beside an object that is named by its colour; the sign is a neighbour like any other."""
    sides = {end: side for (start, end), side in _SIDES.items() if start == thing.quadrant}
    end = list(sides)[rng.integers(len(sides))]
    neighbour = scene.at(end)
    sign = "sign" if end == scene.sign_quadrant else "nothing"
    return Question(
        "relation",
        f"what is {sides[end]} the {say(thing.colour, dialect)} {say(thing.shape, dialect)} ?",
        neighbour.shape if neighbour else sign,
    )


def exchange(question: Question, dialect: str) -> str:
    """A question with its answer, as in a quiz."""
    return f"question : {question.text} answer : {say(question.answer, dialect)} ."


def lore(dialect: str, rng: np.random.Generator) -> str:
    """World knowledge as an encyclopedia tells it."""
    shape = str(rng.choice(list(SHAPES)))
    return f"the {say(shape, dialect)} lives in the {say(HOMES[shape], dialect)} ."


def lore_exchange(dialect: str, rng: np.random.Generator) -> str:
    """World knowledge as a question."""
    shape = str(rng.choice(list(SHAPES)))
    where = f"where does the {say(shape, dialect)} live ?"
    return f"question : {where} answer : {say(HOMES[shape], dialect)} ."


def tale(scene: Scene, dialect: str, rng: np.random.Generator) -> str:
    """A scene told in words, then asked about: reading comprehension, the text twin of a visual quiz."""
    told = f"scene : {synthetic_caption(scene, dialect)}"
    return f"{told} {exchange(ask(scene, str(rng.choice(KINDS)), dialect, rng), dialect)}"


def tale_of_kind(scene: Scene, kind: str, dialect: str, rng: np.random.Generator) -> str:
    """A told scene with a question of one kind."""
    return f"scene : {synthetic_caption(scene, dialect)} {exchange(ask(scene, kind, dialect, rng), dialect)}"


def palette(dialect: str, rng: np.random.Generator) -> str:
    """A list of coloured things: language without a picture."""
    pairs = [
        f"a {say(str(rng.choice(list(COLOURS))), dialect)} {say(str(rng.choice(list(SHAPES))), dialect)}"
    ]
    pairs.append(f"a sign with letter {rng.choice(LETTERS)}")
    return " and ".join(pairs) + " ."
