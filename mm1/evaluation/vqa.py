"""VQA accuracy (Antol et al., arXiv 1505.00468): agreement with the other annotators, after normalisation.

The variant: each annotator is left out by position, and prediction and answers are always normalised in full, also
where all annotators agree (the official script does less to the answers, which its data files hold normalised).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_ARTICLES = {"a", "an", "the"}
_NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_DIGITS = {word: str(value) for value, word in enumerate(_NUMBERS)} | {"none": "0"}
_CONTRACTIONS = """
    ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've
    he's how'd how'll how's isn't it'd it'd've it'll ma'am might've mightn't mightn't've must've mustn't needn't not've
    o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd somebody'd've somebody'll
    somebody's someone'd someone'd've someone'll someone's something'd something'd've something'll that's there'd
    there'd've there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll
    what're what's what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's
    won't would've wouldn't wouldn't've y'all y'all'd've y'all'll you'd you'd've you'll you're you've
"""
_MARKS = ';/[]"{}()=+\\_-><@`,?!'
_NUMBER_WITH_COMMA = re.compile(r"\d,\d")
_FULL_STOP = re.compile(r"\.(?!\d)")


def _with_one_apostrophe_missing(word: str) -> list[str]:
    places = [place for place, letter in enumerate(word) if letter == "'"]
    return [word[:place] + word[place + 1 :] for place in places]


_SPELLINGS = {wrong: word for word in _CONTRACTIONS.split() for wrong in _with_one_apostrophe_missing(word)}


def normalise(answer: str) -> str:
    """Lower case, no punctuation or articles, digits for number words, contractions with their apostrophe."""
    text = answer.replace("\n", " ").replace("\t", " ").strip()
    words = [_DIGITS.get(word, word) for word in _without_punctuation(text).lower().split()]
    return " ".join(_SPELLINGS.get(word, word) for word in words if word not in _ARTICLES)


def _without_punctuation(text: str) -> str:
    """As the official script has it: a mark leaves a space only if it nowhere stands beside one, and no number has
    a comma; a full stop goes unless a digit follows."""
    kept, number_with_comma = text, _NUMBER_WITH_COMMA.search(text)
    for mark in _MARKS:
        beside_a_space = f"{mark} " in text or f" {mark}" in text
        kept = kept.replace(mark, "" if number_with_comma or beside_a_space else " ")
    return _FULL_STOP.sub("", kept)


def accuracy(prediction: str, answers: Sequence[str]) -> float:
    """min(1, matches / 3) against the other annotators, averaged over which annotator is left out; 0..1."""
    said = normalise(prediction)
    hits = [normalise(answer) == said for answer in answers]
    total = sum(hits)
    return sum(min(1.0, (total - hit) / 3) for hit in hits) / len(hits)
