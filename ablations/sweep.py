"""A sweep file: study, scale, seeds, values of the axes, launch settings; validated before anything runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablations.errors import SweepError, closest
from ablations.yaml_lines import Lines, load

_KEYS = ("study", "suite", "scale", "seeds", "axes", "zip", "set", "include", "exclude", "scales", "launch")
_SCALE_KEYS = ("seeds", "axes", "zip", "set", "launch")
_LAUNCH = {
    "executor": str,
    "workers": int,
    "threads": int,
    "partition": str,
    "account": str,
    "qos": str,
    "gres": str,
    "constraint": str,
    "time_min": int,
    "mem_gb": (int, float),
}
EXECUTORS = ("inline", "local", "slurm")


@dataclass(frozen=True)
class Sweep:
    """A validated sweep. `axes`, `zip`, `set`, `include` and `exclude` hold dotted configuration fields."""

    lines: Lines
    suite: str
    scale: str
    seeds: tuple[int, ...]
    axes: Mapping[str, Sequence[Any]]
    zip: Sequence[Mapping[str, Sequence[Any]]] = ()
    set: Mapping[str, Any] = field(default_factory=dict)
    include: Sequence[Mapping[str, Any]] = ()
    exclude: Sequence[Mapping[str, Any]] = ()
    launch: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's stem."""
        return Path(self.lines.file).stem


def read(path: Path, study: str, *, scale: str | None = None, seeds: str | None = None, set_: Sequence[str] = ()) -> Sweep:
    """Read a sweep for `study`. Options of the command line win over the file; errors are SweepErrors."""
    lines = load(path)
    data = lines.data
    _check_keys(lines, data, _KEYS)
    if data.get("study", study) != study:
        raise lines.error(f"study: this sweep is for '{data['study']}', but the command is '{study}'", "study")
    scale = scale or data.get("scale", "micro")
    data, prefix = _for_scale(lines, data, str(scale))
    fixed = {**_mapping(lines, data, "set"), **_overrides(set_)}
    sweep = Sweep(
        lines=lines,
        suite=str(data.get("suite", "mm1")),
        scale=str(scale),
        seeds=parse_seeds(seeds, SweepError("--seeds", None, "")) if seeds else _seeds(lines, data, prefix),
        axes=_axes(lines, data),
        zip=tuple(_zips(lines, data)),
        set=fixed,
        include=tuple(_cells(lines, data, "include")),
        exclude=tuple(_cells(lines, data, "exclude")),
        launch=_launch(lines, data),
    )
    _check_overlap(sweep)
    return sweep


def parse_seeds(value: Any, error: SweepError) -> tuple[int, ...]:
    """`0-2,5`, `3` or `[0, 1]` -> seeds in order, each once."""
    seeds: list[int] = []
    parts = value if isinstance(value, list) else str(value).split(",")
    for part in parts:
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", str(part))
        if match is None or isinstance(part, bool):
            message = f"seeds: '{value}' is not a list of whole numbers; write 0-2, 0-2,5 or [0, 1, 2]"
            raise SweepError(error.path, error.line, message)
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last - first > 10_000:
            raise SweepError(error.path, error.line, f"seeds: '{part}' counts no seeds (from {first} to {last})")
        seeds.extend(range(first, last + 1))
    if not seeds:
        raise SweepError(error.path, error.line, "seeds: the list is empty; a sweep needs at least one seed")
    return tuple(dict.fromkeys(seeds))


def _check_keys(lines: Lines, data: Mapping[str, Any], known: Sequence[str], *path: str) -> None:
    for key in data:
        if key not in known:
            message = f"unknown key '{key}'; allowed: {', '.join(known)}.{closest(str(key), known)}"
            raise lines.error(message, *path, str(key))


def _for_scale(lines: Lines, data: dict[str, Any], scale: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Lay the block of one scale over the rest: its axes and seeds replace, its `set` is merged."""
    blocks = _mapping(lines, data, "scales")
    for name, block in blocks.items():
        if not isinstance(block, dict):
            raise lines.error(f"scales.{name}: expected a mapping, found {block!r}", "scales", str(name))
        _check_keys(lines, block, _SCALE_KEYS, "scales", str(name))
    block = blocks.get(scale, {})
    merged = {**data, **block}
    for key in ("set", "launch"):
        if key in block:
            merged[key] = {**_mapping(lines, data, key), **block[key]}
    return merged, ("scales", scale) if "seeds" in block else ()


def _mapping(lines: Lines, data: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key) or {}
    if not isinstance(value, dict):
        raise lines.error(f"{key}: expected a mapping, found {value!r}", key)
    return {str(name): entry for name, entry in value.items()}


def _seeds(lines: Lines, data: Mapping[str, Any], prefix: tuple[str, ...]) -> tuple[int, ...]:
    return parse_seeds(data.get("seeds", [0]), SweepError(lines.file, lines.at(*prefix, "seeds"), ""))


def _axes(lines: Lines, data: Mapping[str, Any]) -> dict[str, list[Any]]:
    axes = _mapping(lines, data, "axes")
    for name, values in axes.items():
        if not isinstance(values, list) or not values:
            message = f"{name}: an axis needs a list of at least one value, found {values!r}"
            raise lines.error(message, "axes", name)
    return axes


def _zips(lines: Lines, data: Mapping[str, Any]) -> list[dict[str, list[Any]]]:
    groups = _cells(lines, data, "zip")
    for place, group in enumerate(groups):
        lengths = {name: len(values) if isinstance(values, list) else None for name, values in group.items()}
        if None in lengths.values() or len(set(lengths.values())) != 1 or 0 in lengths.values():
            raise lines.error(f"zip: lists of equal length are needed, found {lengths}", "zip", str(place))
    return groups


def _cells(lines: Lines, data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    entries = data.get(key) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise lines.error(f"{key}: expected a list of mappings, found {entries!r}", key)
    return [{str(name): value for name, value in entry.items()} for entry in entries]


def _launch(lines: Lines, data: Mapping[str, Any]) -> dict[str, Any]:
    launch = _mapping(lines, data, "launch")
    _check_keys(lines, launch, tuple(_LAUNCH), "launch")
    for name, value in launch.items():
        if not isinstance(value, _LAUNCH[name]) or isinstance(value, bool):
            raise lines.error(f"launch.{name}: {value!r} is not allowed here", "launch", name)
    if launch.get("executor", "local") not in EXECUTORS:
        found = launch["executor"]
        message = f"launch.executor: '{found}' is not one of {', '.join(EXECUTORS)}.{closest(found, EXECUTORS)}"
        raise lines.error(message, "launch", "executor")
    for name in ("workers", "threads"):
        if launch.get(name, 1) < 1:
            raise lines.error(f"launch.{name}: {launch[name]} is less than 1", "launch", name)
    return launch


def _overrides(entries: Sequence[str]) -> dict[str, Any]:
    import yaml

    fixed = {}
    for entry in entries:
        name, equals, value = entry.partition("=")
        if not equals:
            raise SweepError("--set", None, f"'{entry}' is not field=value")
        fixed[name] = yaml.safe_load(value)
    return fixed


def _check_overlap(sweep: Sweep) -> None:
    """No field may be set twice, nor a field and a part of it."""
    places = [(name, ("axes", name)) for name in sweep.axes]
    places += [(name, ("zip", str(i), name)) for i, group in enumerate(sweep.zip) for name in group]
    places += [(name, ("set", name)) for name in sweep.set]
    for i, (name, place) in enumerate(places):
        for other, earlier in places[:i]:
            if name == other or name.startswith(other + ".") or other.startswith(name + "."):
                message = f"'{name}' is set here and as '{other}' under `{earlier[0]}`; a field has one place"
                raise sweep.lines.error(message, *place)
