"""Cell and its content address."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True)
class Cell:
    """One resolved configuration including its seed: the unit that is trained, evaluated, tracked and reused.

    `axes` holds every axis of the study and every field the sweep varies. Neither the study nor the scale is
    part of `id`: studies share cells, and the resolved values say what the recipe's name would.
    """

    id: str
    study: str
    scale: str
    seed: int
    axes: Mapping[str, Any]
    config: Mapping[str, Any]

    @property
    def name(self) -> str:
        """`resolution=24 seed=1`: only what differs inside the study."""
        return " ".join([*assignments(self.axes), f"seed={self.seed}"])


def cell_id(identity: Mapping[str, Any], schema_version: int) -> str:
    """First 16 hex digits of blake2b over the canonical JSON of `[schema_version, identity]`.

    `identity` is everything that decides a cell's result; launch settings, worker counts and paths are never
    part of it. Canonical JSON sorts keys and has no spaces; a number is written as JSON writes it, so 1 and
    1.0 differ (a system resolves a field to one type).

    Raises:
        ValueError: a float that is not finite.
        TypeError: data that JSON cannot hold.
    """
    text = _canonical([schema_version, identity])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings -> dotted fields; empty mappings stay as they are."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        if value and isinstance(value, dict | Mapping):  # dict first: the abstract class is slow to ask
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def short_names(fields: Iterable[str]) -> dict[str, str]:
    """Dotted field -> its shortest ending that no other shares: `encoder.resolution` -> `resolution`."""
    fields = tuple(fields)
    return {name: _short_name(name, fields) for name in fields}


def assignments(axes: Mapping[str, Any]) -> list[str]:
    """`resolution=24` for every axis, by its short name."""
    labels = short_names(axes)
    return [f"{labels[name]}={_short(value)}" for name, value in axes.items()]


@lru_cache(maxsize=1024)
def _short_name(name: str, fields: tuple[str, ...]) -> str:
    others = [other for other in fields if other != name]
    parts = name.split(".")
    endings = [".".join(parts[start:]) for start in range(len(parts) - 1, -1, -1)]
    free = (end for end in endings if not any(f".{other}".endswith(f".{end}") for other in others))
    return next(free, name)


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return "/".join(f"{name} {_short(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ",".join(map(_short, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
