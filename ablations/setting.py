"""Setting: one configuration field, its value, and the place where a person wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ablations import yaml_lines
from ablations.errors import SweepError


@dataclass(frozen=True)
class Setting:
    """`place` is a file (then `line` counts from 1) or a command-line option (then there is no line)."""

    field: str
    value: Any
    place: str
    line: int | None

    def error(self, message: str) -> SweepError:
        """A SweepError that points here."""
        return SweepError(self.place, self.line, message)


Option = tuple[Setting, ...]
"""Settings that go together: one value of an axis, one step of a zip group, one included cell."""


def from_command_line(text: str) -> Setting:
    """`--set field=value`; the value is YAML.

    Raises:
        SweepError: no `=`, no field, or a value that is no YAML.
    """
    place = f"--set {text}"
    field, equals, value = text.partition("=")
    if not equals or not field.strip():
        raise SweepError(place, None, "must be field=value, for instance training.steps=400")
    return Setting(field.strip(), yaml_lines.parse(value, place).data, place, None)


def override(settings: Iterable[Setting], by: Iterable[Setting]) -> Option:
    """`settings` with those of `by` in the place of, or after, those of the same field."""
    return tuple(({setting.field: setting for setting in (*settings, *by)}).values())


def check_distinct(settings: Sequence[Setting]) -> None:
    """No field is named twice, nor together with its parent; the seed is not a field like others.

    Raises:
        SweepError: at the second of the two settings.
    """
    for index, setting in enumerate(settings):
        if setting.field == "seed":
            raise setting.error("seed: seeds are written as `seeds: 0-2`, not as a field")
        for other in settings[:index]:
            if _overlap(setting.field, other.field):
                both = setting.field if setting.field == other.field else f"{setting.field} and {other.field}"
                first = other.place if other.line is None else f"{other.place}:{other.line}"
                raise setting.error(f"{both}: one field is named twice (first at {first}); keep one of them")


def _overlap(one: str, other: str) -> bool:
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")
