"""The `launch:` block of a sweep: where and how wide it runs. Never part of a cell's identity."""

from __future__ import annotations

from typing import Any

from ablations.errors import FieldError, closest

EXECUTORS = ("inline", "local", "slurm")
SETTINGS: dict[str, type | tuple[type, ...]] = {
    "executor": str,
    "workers": int,
    "threads": int,
    "hang_minutes": (int, float),
    "partition": str,
    "account": str,
    "qos": str,
    "gres": str,
    "constraint": str,
    "time_min": int,
    "mem_gb": (int, float),
    "cells_per_task": int,
    "nodes": int,
    "tasks_per_node": int,
}
"""Name -> type. `workers` are jobs at once; `threads` and `mem_gb` are what a task gets, `hang_minutes` how long it may
be silent before it is ended; the rest is SLURM's.

A cell of several `nodes` or `tasks_per_node` is trained by all these tasks together.
"""


def check(name: str, value: Any) -> None:
    """Refuse an unknown setting or a value it cannot hold.

    Raises:
        FieldError: with what is allowed.
    """
    if name not in SETTINGS:
        raise FieldError(name, f"unknown launch setting.{closest(name, SETTINGS)}", allowed=SETTINGS)
    if name == "executor" and value not in EXECUTORS:
        hint = closest(str(value), EXECUTORS)
        raise FieldError(name, f"unknown executor.{hint}", value=value, allowed=EXECUTORS)
    if SETTINGS[name] is str and not isinstance(value, str):
        raise FieldError(name, "must be text", value=value)
    if SETTINGS[name] is not str and not _positive(value, SETTINGS[name]):
        kind = "whole number from 1" if SETTINGS[name] is int else "number above 0"
        raise FieldError(name, f"must be a {kind}", value=value)


def _positive(value: Any, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and value > 0
