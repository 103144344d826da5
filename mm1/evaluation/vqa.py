"""VQA accuracy (Antol et al., arXiv 1505.00468): agreement with the other annotators, after normalisation.

The variant: each annotator is left out by position, and answers are always normalised, also where all agree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_ARTICLES = {"a", "an", "the"}
_NUMBERS = ("none", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_DIGITS = {word: str(max(0, value - 1)) for value, word in enumerate(_NUMBERS)}
_CONTRACTIONS = [
    "ain't",
    "aren't",
    "can't",
    "couldn't",
    "didn't",
    "doesn't",
    "don't",
    "hadn't",
    "hasn't",
    "haven't",
    "he'd",
    "he's",
    "how'd",
    "how's",
    "i'd",
    "i'm",
    "i've",
    "isn't",
    "it'd",
    "it's",
    "let's",
    "mightn't",
    "mustn't",
    "needn't",
    "oughtn't",
    "shan't",
    "she's",
    "shouldn't",
    "somebody's",
    "someone's",
    "something's",
    "that's",
    "there's",
    "they'd",
    "they're",
    "they've",
    "wasn't",
    "we'd",
    "we've",
    "weren't",
    "what'll",
    "what's",
    "when's",
    "where'd",
    "where's",
    "who'd",
    "who's",
    "why's",
    "won't",
    "would've",
    "wouldn't",
    "y'all",
    "you'd",
    "you'll",
    "you're",
    "you've",
]
_UNPUNCTUATED = {word.replace("'", ""): word for word in _CONTRACTIONS}
_PERIOD = re.compile(r"(?<!\d)\.(?!\d)")
_THOUSANDS = re.compile(r"(\d),(\d)")
_PUNCTUATION = re.compile(r"[;/\[\]\"{}()=+\\_\-><@`,?!:]")


def normalise(answer: str) -> str:
    """Lower case, no punctuation or articles, digits for number words, contractions with their apostrophe."""
    answer = _THOUSANDS.sub(r"\1\2", answer.lower().replace("\n", " ").replace("\t", " ").strip())
    answer = _PUNCTUATION.sub(" ", _PERIOD.sub("", answer))
    words = [_DIGITS.get(word, word) for word in answer.split() if word not in _ARTICLES]
    return " ".join(_UNPUNCTUATED.get(word, word) for word in words)


def accuracy(prediction: str, answers: Sequence[str]) -> float:
    """min(1, matches / 3) against the other annotators, averaged over which annotator is left out; 0..1."""
    said = normalise(prediction)
    hits = [normalise(answer) == said for answer in answers]
    total = sum(hits)
    return sum(min(1.0, (total - hit) / 3) for hit in hits) / len(hits)
