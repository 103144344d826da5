"""The blocks of a sweep or suite file, each read and validated; every error says file and line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ablations import seeds as seed_text
from ablations.errors import FieldError, SweepError, closest
from ablations.launch_settings import check
from ablations.yaml_lines import Lines, Where, parse

BLOCKS = ("seeds", "design", "axes", "zip", "set", "include", "exclude", "when", "search", "launch")
"""What a scale may have of its own."""
DESIGNS = ("product", "baseline")


def check_keys(lines: Lines, data: Mapping[str, Any], known: Sequence[str], *path: str) -> None:
    """Refuse a key that is none of `known`; `path` leads to `data`."""
    for key in data:
        if key not in known:
            message = f"unknown key '{key}'; allowed: {', '.join(known)}.{closest(key, known)}"
            raise lines.error(message, *path, key)


def giver(lines: Lines, data: Mapping[str, Any], below: Lines | None, key: str) -> Lines:
    """The file that says what `key` is: the sweep, of which `data` is what holds, else the suite."""
    return below if below is not None and key not in data and key in below.data else lines


def check_study(lines: Lines, study: str) -> None:
    """Refuse a suite, and a sweep of another study."""
    if "sweeps" in lines.data:
        raise lines.error(f"this is a suite of sweeps; run: ablate all --grid {lines.file}", "sweeps")
    named = lines.data.get("study", study)
    if named != study:
        message = f"study: this sweep is for '{named}', but the command is '{study}'"
        raise lines.error(f"{message}; run: ablate {named} --grid {lines.file}", "study")


def suite(lines: Lines) -> str:
    """The prefix of the MLflow experiment."""
    name = lines.data.get("suite", "mm1")
    if not isinstance(name, str) or not name or "/" in name:
        raise lines.error(f"suite: {name!r} is not a name without '/'", "suite")
    return name


def scale(lines: Lines, scales: Sequence[str], typed: str | None) -> str:
    """The recipe: typed, else the file's, else the first."""
    chosen = typed if typed is not None else lines.data.get("scale", scales[0])
    if chosen in scales:
        return chosen
    message = f"unknown scale '{chosen}'; known: {', '.join(scales)}.{closest(str(chosen), scales)}"
    if typed is not None:
        raise SweepError(f"--scale {typed}", None, message)
    raise lines.error(message, "scale")


def for_scale(lines: Lines, scales: Sequence[str], chosen: str) -> tuple[dict[str, Any], dict[str, Where]]:
    """Lay one scale's block over the rest (it replaces; `set`, `launch` merge); and where each block is."""
    blocks = mapping(lines, lines.data.get("scales"), ("scales",))
    check_keys(lines, blocks, scales, "scales")
    for name, block in blocks.items():
        check_keys(lines, mapping(lines, block, ("scales", name)), BLOCKS, "scales", name)
    special = blocks.get(chosen) or {}
    at: dict[str, Where] = {key: ("scales", chosen, key) if key in special else (key,) for key in BLOCKS}
    merged = {**lines.data, **special}
    for key in ("set", "launch"):
        base, over = mapping(lines, lines.data.get(key), (key,)), mapping(lines, special.get(key), at[key])
        merged[key] = {**base, **over}
    return merged, at


def seeds(lines: Lines, value: Any, at: Where, typed: str | None) -> tuple[int, ...]:
    """The seeds: typed, else `value`, which stands at `at`."""
    try:
        return tuple(seed_text.parse(value if typed is None else typed))
    except ValueError as error:
        if typed is not None:
            raise SweepError(f"--seeds {typed}", None, str(error)) from None
        raise lines.error(f"seeds: {value!r}: {error}", *at) from None


def design(lines: Lines, value: Any, at: Where) -> str:
    """`product` or `baseline`."""
    if value in DESIGNS:
        return value
    message = f"unknown design {value!r}; allowed: {', '.join(DESIGNS)}.{closest(str(value), DESIGNS)}"
    raise lines.error(message, *at)


def mapping(lines: Lines, value: Any, at: Where) -> dict[str, Any]:
    """A mapping, or nothing."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise lines.error(f"{'.'.join(at)}: expected a mapping of names to values, found {value!r}", *at)
    return value


def mappings(lines: Lines, value: Any, at: Where) -> list[dict[str, Any]]:
    """A list of mappings, or nothing."""
    entries = [] if value is None else value
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise lines.error(f"{'.'.join(at)}: expected a list of mappings, found {value!r}", *at)
    return entries


def axes(lines: Lines, value: Any, at: Where) -> dict[str, list[Any]]:
    """Fields, each with a list of values."""
    found = mapping(lines, value, at)
    for name, values in found.items():
        if not isinstance(values, list) or not values:
            message = f"{name}: an axis needs a list of at least one value, found {values!r}"
            raise lines.error(message, *at, name)
    return found


def zips(lines: Lines, value: Any, at: Where) -> list[dict[str, list[Any]]]:
    """Groups of axes of equal length."""
    groups = mappings(lines, value, at)
    for place, group in enumerate(groups):
        here = (*at, str(place))
        lengths = {name: len(values) for name, values in axes(lines, group, here).items()}
        if len(set(lengths.values())) != 1:
            found = ", ".join(f"{name} has {length}" for name, length in lengths.items()) or "none"
            raise lines.error(f"zip: lists of equal length are needed, found: {found}", *here)
    return groups


def when(lines: Lines, value: Any, at: Where, varied: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Conditions of fields that are varied."""
    found = mapping(lines, value, at)
    for name, condition in found.items():
        if name not in varied:
            message = f"when: {name} is no field of `axes` or `zip`: {', '.join(varied) or 'none there'}."
            raise lines.error(message + closest(name, varied), *at, name)
        if not mapping(lines, condition, (*at, name)):
            raise lines.error(f"when: {name} needs a condition such as {{field: value}}", *at, name)
    return found


def launch(lines: Lines, values: Mapping[str, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """Launch settings, those typed over those of the file."""
    for name, value in {**values, **typed}.items():
        try:
            check(name, value)
        except FieldError as error:
            if name in typed:
                raise SweepError(f"--{name} {value}", None, error.describe()) from None
            place = next(place for place in reversed(lines.lines) if place[-2:] == ("launch", name))
            raise lines.error(f"launch.{error.describe()}", *place) from None
    return {**values, **typed}


def typed_field(text: str, option: str = "--set") -> tuple[str, Any]:
    """`field=value` from the command line, the value as YAML."""
    place = f"{option} {text}"
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        message = f"not of the form field=value, for instance {option} training.steps=400"
        raise SweepError(place, None, message)
    try:
        return name.strip(), parse(value, place).data
    except SweepError as error:
        raise SweepError(place, None, error.message) from None
