"""SweepFile: the blocks of a sweep file, each checked for its form and read into settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ablations import seeds
from ablations.errors import FieldError, SweepError, closest
from ablations.resources import Launch
from ablations.setting import Option, Setting, override
from ablations.yaml_lines import Document, Where

_BLOCKS = ("axes", "zip", "set", "include", "exclude", "seeds", "launch")
_KEYS = ("study", "suite", "scale", "scales", *_BLOCKS)


class SweepFile:
    """The blocks of a sweep file at one scale; every method raises SweepError with the line of what is wrong."""

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

    def seeds(self, given: str | None) -> list[int]:
        where, value = self._block("seeds", [0])
        try:
            return seeds.parse(value if given is None else given)
        except ValueError as error:
            if given is None:
                raise self._error(where, f"seeds: {value!r}: {error}") from None
            raise SweepError(f"--seeds {given}", None, str(error)) from None

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
        return override(self._option(("set",), self.data.get("set", {})), special)

    def launch(self, given: Mapping[str, Any]) -> Launch:
        launch = Launch()
        for where, values in (
            (("launch",), self.data.get("launch", {})),
            (("scales", self.scale, "launch"), self.special.get("launch", {})),
        ):
            try:
                launch = launch.merge(self._mapping(where, values))
            except FieldError as error:
                raise self._error((*where, error.field), f"launch.{error.describe()}") from None
        try:
            return launch.merge(given)
        except FieldError as error:
            raise SweepError(f"--{error.field} {error.value}", None, error.describe()) from None

    def _check_study(self, study: str) -> None:
        named = self.data.get("study", study)
        if named != study:
            message = f"study: this sweep is for '{named}', the command was for '{study}'"
            raise self._error(("study",), f"{message}; run: ablate {named} --grid {self.document.path}")

    def _scale(self, scales: Sequence[str], given: str | None) -> str:
        scale = given if given is not None else self.data.get("scale", scales[0])
        if scale in scales:
            return scale
        message = f"unknown scale {scale!r}; known: {', '.join(scales)}.{closest(str(scale), scales)}"
        if given is not None:
            raise SweepError(f"--scale {given}", None, message)
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
