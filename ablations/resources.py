"""Launch: where and how wide a sweep runs. Never part of a cell's identity."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ablations.errors import FieldError, closest

EXECUTORS = ("inline", "local", "slurm")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Launch:
    """The `launch:` block of a sweep.

    Attributes:
        executor: `inline` (this process), `local` (worker processes here) or `slurm`.
        workers: tasks at once; one core each unless `threads` says more.
        threads: cores of one worker.
        gpus: GPUs of one worker; null takes turns on what the machine has.
        timeout_minutes: a task that runs longer is stopped at a checkpoint; null: no limit.
        slurm: submitit's parameters for a Slurm job (`partition`, `account`, `mem_gb`, ...).
    """

    executor: str = "local"
    workers: int = field(default_factory=cores)
    threads: int = 1
    gpus: int | None = None
    timeout_minutes: int | None = None
    slurm: Mapping[str, Any] = field(default_factory=dict)

    def merge(self, values: Mapping[str, Any]) -> Launch:
        """The same with `values` put in.

        Raises:
            FieldError: an unknown setting, or a value that is not allowed.
        """
        for name, value in values.items():
            _check(name, value)
        return replace(self, **values)


def _check(name: str, value: Any) -> None:
    known = [item.name for item in fields(Launch)]
    if name not in known:
        raise FieldError(name, f"unknown launch setting.{closest(name, known)}", allowed=known)
    if name == "executor" and value not in EXECUTORS:
        raise FieldError(
            name, f"unknown executor.{closest(str(value), EXECUTORS)}", value=value, allowed=EXECUTORS
        )
    if name in ("workers", "threads") and not _whole(value, 1):
        raise FieldError(name, "must be a whole number from 1", value=value)
    if name in ("gpus", "timeout_minutes") and value is not None and not _whole(value, 0):
        raise FieldError(name, "must be a whole number from 0, or null", value=value)
    if name == "slurm" and not isinstance(value, Mapping):
        raise FieldError(name, "must be a mapping of Slurm parameters", value=value)


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
