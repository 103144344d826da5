"""CIDEr-D (Vedantam et al., arXiv 1411.5726): tf-idf weighted n-gram agreement, clipped, with a length penalty.

Document frequencies come from the references of the items that are scored together, so a score depends on the
evaluated subset. The usual `CIDEr 114` is 100 times the mean of these scores.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

_ORDERS = 4
_SIGMA = 6.0
_DROPPED = frozenset("'\"`.?!,:;-(){}\u2013\u2014\u2018\u2019\u201c\u201d\u2026")
_WORD = re.compile(
    r"""
    \d+(?:[.,:/]\d+)*(?!\w)       # 3.5, 1,000 and 10:30 are one word
    | (?:[^\W\d_]\.){2,}          # so is u.s.
    | [^\W\d_]+(?=n't\b) | n't\b  # is n't
    | '(?:s|m|d|ll|re|ve)\b        # dog 's
    | \w+(?:-\w+)*                # well-lit
    | [^\w\s]
    """,
    re.VERBOSE,
)


def tokenise(caption: str) -> str:
    """Lower-cased words as the Penn Treebank splits them, less its punctuation, joined by spaces."""
    return " ".join(word for word in _WORD.findall(caption.lower()) if word not in _DROPPED)


def cider(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """One score per item, 0..10: predictions (n) against references (n lists). Both are tokenised here."""
    hypotheses = [_ngrams(prediction) for prediction in predictions]
    truths = [[_ngrams(reference) for reference in group] for group in references]
    frequency = Counter(gram for group in truths for gram in set().union(*group))
    log_items = math.log(max(1, len(truths)))
    return np.array(
        [
            10 * np.mean([_similarity(said, truth, frequency, log_items) for truth in group])
            for said, group in zip(hypotheses, truths, strict=True)
        ]
    )


def _ngrams(caption: str) -> Counter[tuple[str, ...]]:
    words = tokenise(caption).split()
    return Counter(tuple(words[i : i + n]) for n in range(1, _ORDERS + 1) for i in range(len(words) - n + 1))


def _weights(grams: Counter, frequency: Counter, log_items: float) -> list[dict[tuple[str, ...], float]]:
    """tf-idf by order; term frequency is the raw count, as in the reference implementation."""
    orders: list[dict[tuple[str, ...], float]] = [{} for _ in range(_ORDERS)]
    for gram, count in grams.items():
        orders[len(gram) - 1][gram] = count * (log_items - math.log(max(1, frequency[gram])))
    return orders


def _similarity(said: Counter, truth: Counter, frequency: Counter, log_items: float) -> float:
    pairs = zip(_weights(said, frequency, log_items), _weights(truth, frequency, log_items), strict=True)
    difference = _bigrams(said) - _bigrams(truth)
    penalty = math.exp(-(difference**2) / (2 * _SIGMA**2))
    return penalty * sum(_clipped_cosine(mine, theirs) for mine, theirs in pairs) / _ORDERS


def _bigrams(grams: Counter) -> int:
    """Length as the reference implementation measures it: the number of bigrams."""
    return sum(count for gram, count in grams.items() if len(gram) == 2)


def _clipped_cosine(mine: dict, theirs: dict) -> float:
    product = sum(min(weight, theirs[gram]) * theirs[gram] for gram, weight in mine.items() if gram in theirs)
    norms = math.sqrt(sum(w * w for w in mine.values()) * sum(w * w for w in theirs.values()))
    return product / norms if norms else product
