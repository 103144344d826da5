"""A sweep with what it comes to: one part of a plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ablations.cell import Cell
from ablations.study import Study
from ablations.sweep import Sweep
from ablations.system import System


@dataclass(frozen=True)
class Round:
    """How far a search is.

    Attributes:
        id: what it is known by, whatever cells it has come to.
        settings: in how many a value is searched; seeds count.
        planned: trials in all; `done` of them have ended.
        open: cell id -> what the cell needs to know as a trial (`ablations.trial.watched`).
        pruned: ids of cells that were ended early.
    """

    id: str
    settings: int
    planned: int
    done: int
    open: Mapping[str, Mapping[str, Any]]
    pruned: Collection[str]


@dataclass(frozen=True)
class Part:
    """One sweep of a plan: a study, what its file asks for, and the cells that this comes to.

    If it searches, its cells are those of the trials so far; before the first `round`, one for each setting.
    """

    study: Study
    sweep: Sweep
    system: System
    cells: Sequence[Cell]
    round: Round | None = None

    @cached_property
    def key(self) -> str:
        """A sweep is its study, its name, its scale and its cells: twelve hex digits over these."""
        if self.round is not None:
            return self.round.id
        cells = sorted(cell.id for cell in self.cells)
        text = json.dumps([self.study.name, self.sweep.name, self.sweep.scale, cells])
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
