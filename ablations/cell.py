"""Cell and its content address."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cell:
    """One resolved configuration including its seed: the unit that is trained, evaluated, tracked and reused."""

    id: str
    study: str
    scale: str
    seed: int
    axes: Mapping[str, Any]
    config: Mapping[str, Any]

    @property
    def name(self) -> str:
        """`resolution=24 seed=1`: only what differs inside the study."""
        parts = [f"{field.rsplit('.', 1)[-1]}={_short(value)}" for field, value in self.axes.items()]
        return " ".join([*parts, f"seed={self.seed}"])


def cell_id(identity: Mapping[str, Any], schema_version: int) -> str:
    """First 16 hex digits of blake2b over canonical JSON of everything that decides a cell's result.

    Keys are sorted and NaN is refused; launch settings, worker counts and paths are never part of `identity`.
    """
    text = json.dumps([schema_version, identity], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings -> dotted fields; empty mappings stay as they are."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return "/".join(f"{entry:g}" if isinstance(entry, int | float) else str(entry) for entry in value.values())
    return str(value)
