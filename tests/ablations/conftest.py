"""The toy study, found through its entry point as any other package's would be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TOY = Path(__file__).parent / "toy"
sys.path.insert(0, str(TOY))


@pytest.fixture
def toy_path() -> Path:
    """What has to be on PYTHONPATH for a subprocess to know the toy study."""
    return TOY


@pytest.fixture
def toy_sweep(tmp_path: Path) -> Callable[..., Any]:
    """`toy_sweep(yaml_text, **options)` reads a sweep of the toy study."""
    from ablations import sweep

    def read(text: str, **options: Any) -> Any:
        file = tmp_path / "sweep.yaml"
        file.write_text(text)
        return sweep.read(file, "toy", ["micro", "paper"], **options)

    return read


@pytest.fixture
def toy_cells(toy_sweep: Callable[..., Any]) -> Callable[..., Any]:
    """`toy_cells(yaml_text, **options)`: its cells."""
    from ablations import grid, studies

    def cells(text: str, **options: Any) -> Any:
        study = studies.get("toy")
        return grid.cells(study, study.system(), toy_sweep(text, **options))

    return cells
