"""Eight visual benchmarks and a text suite: the stand-ins for the paper's, each with its split, prompt and metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mm1.data.world import text
from mm1.data.world.documents import dialect_of, picture
from mm1.data.world.grammar import COLOURS, COUNTS, HOMES, LETTERS, PLACES, SHAPES, say
from mm1.data.world.scene import Scene, draw

ANNOTATORS = 10
_RIGHT = 0.9  # an annotator's chance of giving the true answer


@dataclass(frozen=True)
class Benchmark:
    """A benchmark's name, its task and the public benchmark it stands for."""

    name: str
    task: str
    stands_for: str
    item: Callable[[np.random.Generator], dict[str, Any]]


def _captions(write: Callable[[Scene, str], str], novel: bool = False) -> Callable:
    def item(rng: np.random.Generator) -> dict[str, Any]:
        scene, dialect = draw(rng, novel=novel, blurred=False), dialect_of(rng)
        reference = write(scene, dialect).removesuffix(" .")
        return {"image": picture(scene), "question": "", "answers": [reference], "group": dialect}

    return item


def _questions(kinds: tuple[str, ...], blurred: float = 0.0) -> Callable:
    def item(rng: np.random.Generator) -> dict[str, Any]:
        scene, dialect = draw(rng, blurred=bool(rng.random() < blurred)), dialect_of(rng)
        asked = text.ask(scene, kinds[rng.integers(len(kinds))], dialect, rng)
        answers = _annotators(asked, dialect, rng)
        return {"image": picture(scene), "question": asked.text, "answers": answers, "group": dialect}

    return item


_CONFUSED: Mapping[str, tuple] = {
    "colour": tuple(COLOURS),
    "shape": tuple(SHAPES),
    "relation": tuple(SHAPES),
    "count": tuple(COUNTS),
    "presence": ("yes", "no"),
    "letter": LETTERS,
    "home": tuple(PLACES),
}


def _annotators(asked: text.Question, dialect: str, rng: np.random.Generator) -> list[str]:
    """Ten people's answers in one dialect; the first is right, some of the others slip."""
    options = _CONFUSED[asked.kind]
    slips = [options[i] for i in rng.integers(len(options), size=ANNOTATORS)]
    right = rng.random(ANNOTATORS) < _RIGHT
    right[0] = True
    return [say(asked.answer if ok else slip, dialect) for ok, slip in zip(right, slips, strict=True)]


def _choice(
    context: str, answer: str, options: list[str], group: str, rng: np.random.Generator
) -> dict[str, Any]:
    choices = [str(option) for option in rng.permutation(options)]
    return {"context": context, "choices": choices, "answer": choices.index(answer), "group": group}


def _reading(rng: np.random.Generator) -> dict[str, Any]:
    """Reading comprehension: a told scene and a question about it."""
    scene, dialect = draw(rng, blurred=False), dialect_of(rng)
    kind = ("colour", "shape", "letter", "count")[rng.integers(4)]
    asked = text.ask(scene, kind, dialect, rng)
    context = f"scene : {text.synthetic_caption(scene, dialect)} question : {asked.text} answer :"
    options = [say(option, dialect) for option in _CONFUSED[kind]]
    return _choice(context, say(asked.answer, dialect), options, dialect, rng)


def _knowledge(rng: np.random.Generator) -> dict[str, Any]:
    """World knowledge: where a kind of thing lives."""
    dialect, shape = dialect_of(rng), str(rng.choice(list(SHAPES)))
    options = [say(place, dialect) for place in PLACES]
    return _choice(
        f"the {say(shape, dialect)} lives in the", say(HOMES[shape], dialect), options, dialect, rng
    )


def _style(rng: np.random.Generator) -> dict[str, Any]:
    """Keeping an author's dialect: two lines of lore, then how the third goes on."""
    dialect, shape = dialect_of(rng), str(rng.choice(list(SHAPES)))
    context = f"{text.lore(dialect, rng)} {text.lore(dialect, rng)} the {say(shape, dialect)} lives in the"
    options = [say(HOMES[shape], other) for other in ("plain", "guild", "coast")]
    return _choice(context, say(HOMES[shape], dialect), options, dialect, rng)


BENCHMARKS = (
    Benchmark("captions", "caption", "COCO", _captions(text.plain_caption)),
    Benchmark("novel-captions", "caption", "NoCaps", _captions(text.plain_caption, novel=True)),
    Benchmark("sign-captions", "caption", "TextCaps", _captions(text.sign_caption)),
    Benchmark("general", "vqa", "VQAv2", _questions(("colour", "shape", "count", "presence"))),
    Benchmark("sign-reading", "vqa", "TextVQA", _questions(("letter",))),
    Benchmark("blurry", "vqa", "VizWiz", _questions(("colour", "shape"), blurred=0.5)),
    Benchmark("relations", "vqa", "GQA", _questions(("relation",))),
    Benchmark("knowledge", "vqa", "OK-VQA", _questions(("home",))),
    Benchmark("reading", "choice", "TextCore: reading comprehension", _reading),
    Benchmark("lore", "choice", "TextCore: world knowledge", _knowledge),
    Benchmark("style", "choice", "TextCore: coherence", _style),
)
