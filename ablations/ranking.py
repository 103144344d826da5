"""A ranking as data: whose effects are compared, in which metric, and which orders are claimed beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Factor:
    """What varies: axes of a study that move together (`encoder.width` and `encoder.depth` are one size).

    `levels` are the values that are compared where not all of the study's are.
    """

    name: str
    study: str
    fields: tuple[str, ...]
    levels: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Order:
    """A claim: the effect of one factor is larger than that of another."""

    name: str
    text: str
    larger: str
    smaller: str
    alpha: float = 0.05


@dataclass(frozen=True)
class Ranking:
    """A question over several studies; it trains nothing of its own."""

    question: str
    lesson: str
    metric: str
    factors: tuple[Factor, ...]
    orders: tuple[Order, ...]
