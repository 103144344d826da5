"""Study, Axis, Claim: a question of the paper as data, declared before anything runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ablations.system import System


@dataclass(frozen=True)
class Claim:
    """A testable statement over cells.

    `left` and `right` select the two sides by axis values (dotted field -> value); cells are paired over
    everything else (seed, other axes). `kind`:

    - `greater`: left - right > `margin` (margin 0 unless declared).
    - `equivalent`: |left - right| < `margin`, by two one-sided tests.

    A value `"max"` or `"min"` selects the largest / smallest value of that axis in the sweep.
    """

    name: str
    text: str
    metric: str
    kind: Literal["greater", "equivalent"]
    left: Mapping[str, Any]
    right: Mapping[str, Any]
    margin: float = 0.0
    alpha: float = 0.05


@dataclass(frozen=True)
class Axis:
    """A configuration field that a study varies, and what its column is called."""

    field: str
    label: str
    unit: str = ""


@dataclass(frozen=True)
class Optimum:
    """Where `metric` is lowest along the axis `field`: what a study of best values asks for every other setting.

    Claims about it name the metric `best/log10`, the logarithm of the best value to base 10.
    """

    field: str
    metric: str


@dataclass(frozen=True)
class Study:
    """One question of the paper.

    Attributes:
        lesson: the paper's sentence that the claims support.
        metrics: metric names of the study's table, in column order.
        paper: which table of the published figures stands beside ours (`encoder`, `connector`, ...).
        figure: lines over an axis that is a number or has mixes of data for values, or grouped bars.
        system: builds the system under study (called lazily, so that listing studies imports nothing heavy).
    """

    name: str
    question: str
    lesson: str
    axes: tuple[Axis, ...]
    metrics: tuple[str, ...]
    claims: tuple[Claim, ...]
    system: Callable[[], System] = field(repr=False)
    paper: str | None = None
    figure: Literal["lines", "bars"] = "lines"
    optimum: Optimum | None = None
    notes: str = ""

    def declaration(self) -> dict[str, Any]:
        """The study as JSON would give it back: what is logged with every sweep, before its cells run."""
        values = {
            name: getattr(self, name)
            for name in ("name", "question", "lesson", "metrics", "paper", "figure", "notes")
        }
        values["optimum"] = asdict(self.optimum) if self.optimum else None
        values["axes"] = [asdict(axis) for axis in self.axes]
        values["claims"] = [asdict(claim) for claim in self.claims]
        return json.loads(json.dumps(values))
