"""A sweep with what it comes to: one part of a plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ablations.cell import Cell
from ablations.study import Study
from ablations.sweep import Sweep
from ablations.system import System


@dataclass(frozen=True)
class Part:
    """One sweep of a plan: a study, what its file asks for, and the cells that this comes to."""

    study: Study
    sweep: Sweep
    system: System
    cells: Sequence[Cell]

    @cached_property
    def key(self) -> str:
        """A sweep is its study, its name, its scale and its cells: twelve hex digits over these."""
        cells = sorted(cell.id for cell in self.cells)
        text = json.dumps([self.study.name, self.sweep.name, self.sweep.scale, cells])
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
