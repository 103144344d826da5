"""Cell: one resolved configuration and its content address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any


@dataclass
class Cell:
    """The unit that is trained, evaluated, tracked and cached.

    Attributes:
        id: content address, 16 hex digits; see `cell_id`.
        study: the study whose sweep made it (not part of the id: studies share cells).
        axes: dotted field -> value for every axis of the study and every field that the sweep varies.
        config: the full configuration as plain JSON data.
        scale: the recipe it started from (not part of the id: the resolved values are).
    """

    id: str
    study: str
    seed: int
    axes: dict[str, Any]
    config: dict[str, Any]
    scale: str

    @property
    def name(self) -> str:
        """What a person calls it: `resolution=24 seed=1`."""
        values = {label: self.axes[field] for field, label in short_names(self.axes).items()}
        return " ".join(f"{label}={_short(value)}" for label, value in [*values.items(), ("seed", self.seed)])


def canonical(data: Any) -> str:
    """The one JSON text of plain data: keys sorted, no spaces, no NaN or infinity.

    Numbers are written as JSON writes them, so 1 and 1.0 differ; a system resolves a field to one type.

    Raises:
        ValueError: a float that is not finite.
        TypeError: data that JSON cannot hold.
    """
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def cell_id(identity: Mapping[str, Any], schema_version: int) -> str:
    """First 16 hex digits of blake2b over the canonical JSON of `[schema_version, identity]`.

    `identity` is what decides the result: the resolved values, the seed and the ids of upstream stages. A system
    raises `schema_version` when its code changes what a configuration means.
    """
    return blake2b(canonical([schema_version, identity]).encode()).hexdigest()[:16]


def short_names(fields: Mapping[str, Any] | list[str]) -> dict[str, str]:
    """Dotted field -> the shortest ending that no other field shares: `encoder.resolution` -> `resolution`."""
    return {field: _short_name(field, [other for other in fields if other != field]) for field in fields}


def _short_name(field: str, others: list[str]) -> str:
    parts = field.split(".")
    for start in range(len(parts) - 1, 0, -1):
        ending = ".".join(parts[start:])
        if not any(other == ending or other.endswith(f".{ending}") for other in others):
            return ending
    return field


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return "/".join(f"{key}:{_short(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ",".join(map(_short, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
