"""What the harness asks of the system under study. `studies/` supplies one; the harness sees only this."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

Report = Callable[..., None]
"""`report(stage, step, total, loss=None, metrics=None)`: called every step or so by running work.

It writes progress.json (rate-limited), buffers step metrics for tracking, and raises
`Interrupted` when the launcher asked for a stop; the system then has to have saved a checkpoint
(it is told through `should_stop()`, see Context).
"""


class Interrupted(Exception):
    """The launcher asked for a stop; a checkpoint lies in the cell's folder and the cell can be resumed."""


class CellFailed(Exception):
    """A cell that cannot go on, with a reason a person can act on (non-finite loss, corrupt data, ...)."""


@dataclass(frozen=True)
class Stage:
    """Work that cells share: its content address covers everything that decides its result."""

    name: str
    id: str
    config: Mapping[str, Any]
    needs: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass
class Context:
    """What running work gets from the harness.

    Attributes:
        folder: this cell's or stage's own folder; checkpoints, progress and predictions lie there. Checkpoints are
            named `*.ckpt`: they are removed once a cell is finished.
        stages: where the results of the stages it needs lie, by stage name.
        report: `report(phase: str, step: int, total: int, loss: float | None = None,
            metrics: Mapping[str, float] | None = None)`; cheap, call it every step. `metrics` are step metrics.
        should_stop: true once the launcher asked for a stop: save a checkpoint and raise Interrupted.
    """

    folder: Path
    stages: Mapping[str, Path]
    report: Report
    should_stop: Callable[[], bool] = lambda: False


@dataclass
class Outcome:
    """What a finished cell hands back.

    Attributes:
        metrics: final metrics, `eval/<benchmark>/<k>shot` and the like; logged once, in one batch.
        facts: what the confound guard compares: image tokens, tokens seen, trainable parameters, ...
        artifacts: files in the cell's folder to keep with the run (predictions.parquet, contact_sheet.png, ...).
        datasets: one row per source: name, digest, rows, weight.
    """

    metrics: dict[str, float]
    facts: dict[str, float] = field(default_factory=dict)
    artifacts: list[Path] = field(default_factory=list)
    datasets: list[dict[str, Any]] = field(default_factory=list)


class System(Protocol):
    """The system under study. `resolve` and `stages` must be quick and import nothing heavy."""

    schema_version: int
    indifferent: Collection[str]
    """Dotted fields that decide no result: cells that differ only there are one."""

    def scales(self) -> list[str]:
        """Names of the recipes (`micro`, `paper`)."""

    def resolve(self, overrides: Mapping[str, Any], scale: str) -> dict[str, Any]:
        """Recipe + dotted overrides -> the full, validated configuration as plain JSON data.

        Raises:
            FieldError: with the dotted field.
        """

    def identity(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a resolved configuration that decides the result, plus upstream stage ids."""

    def stages(self, config: Mapping[str, Any]) -> list[Stage]:
        """The shared stages a cell needs, upstream first."""

    def stage_ready(self, stage: Stage, folder: Path) -> bool:
        """Whether the stage's result already lies in `folder` or ships with the system."""

    def run_stage(self, stage: Stage, context: Context) -> None:
        """Do the stage's work (atomically published in `context.folder`)."""

    def run_cell(self, config: Mapping[str, Any], context: Context) -> Outcome:
        """Train and evaluate one cell, resuming from whatever lies in `context.folder`."""

    def seconds(self, config: Mapping[str, Any]) -> float:
        """A prior guess of a cell's duration on one core; the plan calibrates it on finished runs."""
