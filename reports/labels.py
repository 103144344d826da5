"""What settings and metrics are called in figures, and which axes give the colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.frame import Results
from reports.summary import parts, settings, tick, title


def heading(metric: str) -> str:
    """`4-shot`, `text`; `held out loss` for `final/held_out_loss`."""
    return title(metric).rsplit("/", 1)[-1].replace("_", " ")


def name(results: Results, values: Mapping[str, Any], fields: Sequence[str] | None = None) -> str:
    """The values of these axes (all unless given): `9 / 48`; `0 / –` where there is no part to speak of."""
    wanted = results.levels if fields is None else fields
    return " / ".join(_spelled(results, field, values) for field in wanted if field in values)


def _spelled(results: Results, field: str, values: Mapping[str, Any]) -> str:
    """A part of which there are none (`experts.count` is 0) has no other property (`experts.every`)."""
    count = f"{field.rpartition('.')[0]}.count"
    return "–" if field != count and values.get(count) == 0 else tick(results, field, values[field])


def split(results: Results) -> tuple[list[str], list[str]]:
    """The axes that are told apart by colour, and those by place.

    The first axes give the colours if they are crossed with the others, some cells perhaps missing. Axes that
    go together, such as width with depth, are not: then each setting has a place of its own.
    """
    fields = [*results.levels]
    found = [setting.values for setting in settings(results)]
    for cut in range(1, len(fields)):
        kinds, groups = ({name(results, v, some) for v in found} for some in (fields[:cut], fields[cut:]))
        if min(len(kinds), len(groups)) > 1 and 3 * len(found) > 2 * len(kinds) * len(groups):
            return fields[:cut], fields[cut:]
    return [], fields


def numbers(results: Results) -> list[float] | None:
    """The settings' values if there is one axis and it is a number; None otherwise."""
    values = [value for setting in settings(results) for value in setting.values.values()]
    real = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return [float(value) for value in values] if len(results.levels) == 1 and real else None


def of_mixes(results: Results) -> bool:
    """Whether an axis has mixes of data for values."""
    return any(parts(results, field) for field in results.levels)
