"""Which source a packed sequence comes from, and which row a draw is: pure functions of the mix and the seed.

So cells that share (mix, seed) see the same documents in the same order, on any number of workers or ranks.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache

import numpy as np

_LONGEST_BLOCK = 1000


class Schedule:
    """Sources of packed sequences 0, 1, 2, … by weight.

    The unit of a weight is one packed sequence, as in MM1. Every block of `block` sequences holds each source in
    exact proportion (45/45/10 is 9:9:2 in 20); inside a block sources are spread evenly, jittered by the seed.
    """

    def __init__(self, weights: Mapping[str, float], seed: int) -> None:
        self.names = sorted(name for name, weight in weights.items() if weight > 0)
        self.seed = seed
        self.counts = _counts([weights[name] for name in self.names])
        self.block = sum(self.counts)
        self._arrangement = lru_cache(maxsize=4)(self._arrange)

    def source(self, sequence: int) -> str:
        """The source of packed sequence number `sequence`."""
        block, place = divmod(sequence, self.block)
        return self.names[self._arrangement(block)[place]]

    def _arrange(self, block: int) -> np.ndarray:
        jitter = np.random.default_rng([self.seed, block]).random(self.block)
        which = np.repeat(np.arange(len(self.names)), self.counts)
        within = np.concatenate([np.arange(count) for count in self.counts])
        return which[np.argsort((within + jitter) / np.repeat(self.counts, self.counts), kind="stable")]


def _counts(weights: list[float]) -> list[int]:
    """Sequences of each source in a block: exact where a block of at most 1000 can be, else largest remainders."""
    shares = [Fraction(weight).limit_denominator(10**6) for weight in weights]
    total = sum(shares)
    shares = [share / total for share in shares]
    block = math.lcm(*(share.denominator for share in shares))
    if block <= _LONGEST_BLOCK:
        return [int(share * block) for share in shares]
    exact = [share * _LONGEST_BLOCK for share in shares]
    counts = [math.floor(value) for value in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: counts[i] - exact[i])
    for i in by_remainder[: _LONGEST_BLOCK - sum(counts)]:
        counts[i] += 1
    return counts


class Order:
    """Which row each draw from a source is: a fresh permutation every epoch, a function of (seed, source, draw)."""

    def __init__(self, source: str, rows: int, seed: int) -> None:
        self.rows = rows
        self._key = [seed, zlib.crc32(source.encode())]
        self._permutation = lru_cache(maxsize=2)(self._permute)

    def row(self, draw: int) -> int:
        """The row of draw number `draw`."""
        epoch, place = divmod(draw, self.rows)
        return int(self._permutation(epoch)[place])

    def _permute(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([*self._key, epoch]).permutation(self.rows)
