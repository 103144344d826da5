"""Sweep: one YAML file (study, scale, values, seeds, launch settings), read and checked.

The language, with dotted configuration fields as keys:

    study: encoder-resolution        # must agree with the command; may be left out
    suite: mm1                       # prefix of the MLflow experiment
    scale: micro                     # a recipe of the study's system
    seeds: 0-2                       # or [0, 1, 2], or 0-2,5
    axes: {encoder.resolution: [16, 24]}                      # product of these
    zip: [{encoder.width: [64, 96], encoder.depth: [3, 4]}]   # lists that advance together
    set: {training.steps: 800}                                # the same in every cell
    include: [{encoder.resolution: 48, connector.tokens: 16}] # further cells
    exclude: [{encoder.resolution: 16, connector.tokens: 16}] # cells with these values are dropped
    scales: {paper: {seeds: [0], axes: {...}}}                # replaces (set, launch: merges) at that scale
    launch: {executor: local, workers: 2}                     # never part of a cell's identity
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations import seeds as seed_text
from ablations import yaml_lines
from ablations.errors import FieldError, SweepError, closest
from ablations.resources import Launch
from ablations.yaml_lines import Document, Where

_BLOCKS = ("axes", "zip", "set", "include", "exclude", "seeds", "launch")
_KEYS = ("study", "suite", "scale", "scales", *_BLOCKS)


@dataclass(frozen=True)
class Setting:
    """One field, its value, and where that was written (a file and its line, or a command-line option)."""

    field: str
    value: Any
    place: str
    line: int | None

    def error(self, message: str) -> SweepError:
        """A SweepError that points here."""
        return SweepError(self.place, self.line, message)


Option = tuple[Setting, ...]
"""Settings that go together: one value of an axis, one step of a zip group, one included cell."""


@dataclass(frozen=True)
class Sweep:
    """A sweep file after every check that needs no configuration.

    Attributes:
        factors: axes, then zip groups; the grid is the product of their options.
        fixed: what holds in every cell.
        document: the file, for errors that come later.
    """

    study: str
    suite: str
    scale: str
    seeds: list[int]
    factors: list[list[Option]]
    fixed: Option
    include: list[Option]
    exclude: list[Option]
    launch: Launch
    document: Document

    @property
    def varied(self) -> list[str]:
        """Every field that differs between cells, in the order of the file."""
        options = [option for factor in self.factors for option in factor] + self.include
        return list(dict.fromkeys(setting.field for option in options for setting in option))


def load(
    path: Path,
    study: str,
    scales: Sequence[str],
    *,
    scale: str | None = None,
    seeds: str | None = None,
    settings: Sequence[str] = (),
    launch: Mapping[str, Any] | None = None,
) -> Sweep:
    """Read a sweep file for `study`; the keyword arguments are the command line's and win over the file.

    Args:
        scales: the recipes of the study's system.
        settings: `field=value` texts, the value as YAML.

    Raises:
        SweepError: with file, line, field, what was found and what is allowed.
    """
    document = yaml_lines.read(path)
    file = _File(document, study, scales, scale)
    axes, groups = file.axes(), file.zips()
    sweep = Sweep(
        study=study,
        suite=file.suite(),
        scale=file.scale,
        seeds=file.seeds(seeds),
        factors=[*axes, *groups],
        fixed=_override(file.fixed(), [command_line_setting(text) for text in settings]),
        include=file.options("include"),
        exclude=file.options("exclude"),
        launch=file.launch(launch or {}),
        document=document,
    )
    _check_fields(sweep)
    return sweep


def command_line_setting(text: str) -> Setting:
    """`--set field=value` as a Setting."""
    place = f"--set {text}"
    field, equals, value = text.partition("=")
    if not equals or not field.strip():
        raise SweepError(place, None, "must be field=value, for instance training.steps=400")
    return Setting(field.strip(), yaml_lines.parse(value, place).data, place, None)


class _File:
    """The blocks of one sweep file at one scale."""

    def __init__(self, document: Document, study: str, scales: Sequence[str], scale: str | None) -> None:
        self.document = document
        self.data = self._mapping((), document.data if document.data is not None else {}, _KEYS)
        self._check_study(study)
        self.scale = self._scale(scales, scale)
        blocks = self._mapping(("scales",), self.data.get("scales", {}), scales)
        for name, block in blocks.items():
            self._mapping(("scales", name), block, _BLOCKS)
        self.special = blocks.get(self.scale, {})

    def suite(self) -> str:
        value = self.data.get("suite", "mm1")
        if not isinstance(value, str) or not value or "/" in value:
            raise self._error(("suite",), f"suite: {value!r} must be a name without '/'")
        return value

    def seeds(self, override: str | None) -> list[int]:
        where, value = self._block("seeds", [0])
        try:
            return seed_text.parse(value if override is None else override)
        except ValueError as error:
            if override is None:
                raise self._error(where, f"seeds: {value!r}: {error}") from None
            raise SweepError(f"--seeds {override}", None, str(error)) from None

    def axes(self) -> list[list[Option]]:
        where, block = self._block("axes", {})
        lists = self._mapping(where, block)
        return [self._axis((*where, field), field, values) for field, values in lists.items()]

    def zips(self) -> list[list[Option]]:
        where, block = self._block("zip", [])
        return [self._zip((*where, index), group) for index, group in enumerate(self._list(where, block))]

    def options(self, name: str) -> list[Option]:
        where, block = self._block(name, [])
        return [
            self._option((*where, index), values) for index, values in enumerate(self._list(where, block))
        ]

    def fixed(self) -> Option:
        special = self._option(("scales", self.scale, "set"), self.special.get("set", {}))
        return _override(self._option(("set",), self.data.get("set", {})), special)

    def launch(self, override: Mapping[str, Any]) -> Launch:
        launch = Launch()
        for where, values in (
            (("launch",), self.data.get("launch", {})),
            (("scales", self.scale, "launch"), self.special.get("launch", {})),
        ):
            try:
                launch = launch.merge(self._mapping(where, values))
            except FieldError as error:
                raise self._error((*where, error.field), describe(error, prefix="launch.")) from None
        try:
            return launch.merge(override)
        except FieldError as error:
            raise SweepError(f"--{error.field} {error.value}", None, describe(error)) from None

    def _check_study(self, study: str) -> None:
        named = self.data.get("study", study)
        if named != study:
            message = f"study: this sweep is for '{named}', the command was for '{study}'"
            raise self._error(("study",), f"{message}; run: ablate {named} --grid {self.document.path}")

    def _scale(self, scales: Sequence[str], override: str | None) -> str:
        scale = override if override is not None else self.data.get("scale", scales[0])
        if scale in scales:
            return scale
        message = f"unknown scale {scale!r}; known: {', '.join(scales)}.{closest(str(scale), scales)}"
        if override is not None:
            raise SweepError(f"--scale {override}", None, message)
        raise self._error(("scale",), f"scale: {message}")

    def _block(self, name: str, default: Any) -> tuple[Where, Any]:
        if name in self.special:
            return ("scales", self.scale, name), self.special[name]
        return (name,), self.data.get(name, default)

    def _axis(self, where: Where, field: str, values: Any) -> list[Option]:
        if not isinstance(values, list):
            raise self._error(where, f"{field}: {values!r} is no list; write [{values}], or move it to `set`")
        if not values:
            raise self._error(where, f"{field}: the list of values is empty")
        return [(self._setting((*where, index), field, value),) for index, value in enumerate(values)]

    def _zip(self, where: Where, group: Any) -> list[Option]:
        axes = [self._axis((*where, field), field, v) for field, v in self._mapping(where, group).items()]
        if not axes:
            raise self._error(where, "zip: this group names no field")
        if len({len(axis) for axis in axes}) > 1:
            lengths = ", ".join(f"{axis[0][0].field} has {len(axis)}" for axis in axes)
            raise self._error(where, f"zip: lists that advance together must be equally long: {lengths}")
        return [sum(step, ()) for step in zip(*axes, strict=True)]

    def _option(self, where: Where, values: Any) -> Option:
        settings = self._mapping(where, values)
        return tuple(self._setting((*where, field), field, value) for field, value in settings.items())

    def _setting(self, where: Where, field: str, value: Any) -> Setting:
        return Setting(field, value, self.document.path, self.document.line(where))

    def _mapping(self, where: Where, value: Any, known: Iterable[str] | None = None) -> dict[str, Any]:
        name = ".".join(map(str, where)) or "a sweep"
        if not isinstance(value, dict):
            raise self._error(where, f"{name}: {value!r} is no mapping of names to values")
        for key in value if known is not None else ():
            if key not in known:
                message = f"unknown key '{key}' in {name}; known: {', '.join(known)}.{closest(key, known)}"
                raise self._error((*where, key), message)
        return value

    def _list(self, where: Where, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self._error(where, f"{'.'.join(map(str, where))}: must be a list of mappings")
        return value

    def _error(self, where: Where, message: str) -> SweepError:
        return self.document.error(where, message)


def _override(settings: Iterable[Setting], by: Iterable[Setting]) -> Option:
    return tuple(({setting.field: setting for setting in (*settings, *by)}).values())


def _check_fields(sweep: Sweep) -> None:
    """No field is named twice, nor together with its parent; the seed is not a field like others."""
    named = [setting for factor in sweep.factors for setting in factor[0]]
    _check_distinct([*named, *sweep.fixed])
    for option in sweep.include:
        _check_distinct(_override(sweep.fixed, option))
    if not sweep.factors and not sweep.include:
        where = next(((name,) for name in ("axes", "zip") if name in (sweep.document.data or {})), ())
        raise sweep.document.error(where, "empty grid: write at least one axis under `axes`, `zip` or `include`")


def _check_distinct(settings: Sequence[Setting]) -> None:
    seen: dict[str, Setting] = {}
    for setting in settings:
        if setting.field == "seed":
            raise setting.error("seed: seeds are written as `seeds: 0-2`, not as a field")
        for other in seen.values():
            if f"{setting.field}.".startswith(f"{other.field}.") or other.field.startswith(f"{setting.field}."):
                first = other.place if other.line is None else f"line {other.line}"
                both = setting.field if setting.field == other.field else f"{setting.field} and {other.field}"
                raise setting.error(f"{both}: one field is named twice (first: {first}); keep one of them")
        seen[setting.field] = setting


def describe(error: FieldError, prefix: str = "") -> str:
    """A FieldError in full: field and what is wrong, then what was found, what is allowed, the nearest name."""
    lines = [f"{prefix}{error.field}: {error.message}"]
    if error.value is not None:
        lines.append(f"  found    {error.value!r}")
    if error.allowed:
        lines.append(f"  allowed  {', '.join(error.allowed)}")
    wrong = error.field if error.value is None else str(error.value)
    if "Did you mean" not in error.message and (hint := closest(wrong, error.allowed)):
        lines.append(f"  {hint.strip()}")
    return "\n".join(lines)
