"""The block `search` of a sweep: which field is searched, where, and by which metric."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ablations.errors import closest
from ablations.yaml_lines import Lines, Where

SAMPLERS, DIRECTIONS, PRUNERS = ("tpe", "grid"), ("minimize", "maximize"), ("median", "none")
_KEYS = (
    *("field", "low", "high", "values", "sampler", "trials"),
    *("metric", "direction", "pruner", "step_metric"),
)
_TRIALS, _STEP_METRIC = 8, "held_out/loss"


@dataclass(frozen=True)
class Search:
    """A field searched in every setting of a sweep, on a logarithmic scale from `low` to `high`.

    Attributes:
        values: what `grid` tries, instead of values between the ends.
        trials: how many for each setting and seed.
        metric: the final metric that is to be as small (or large) as possible.
        pruner: `median` ends a trial that is worse than the median of the finished ones at the same step.
        step_metric: what it looks at.
    """

    field: str
    low: float
    high: float
    metric: str
    trials: int = _TRIALS
    values: tuple[float, ...] = ()
    sampler: str = "tpe"
    direction: str = "minimize"
    pruner: str = "median"
    step_metric: str = _STEP_METRIC


def read(lines: Lines, value: Any, at: Where, taken: Collection[str]) -> Search | None:
    """The search that stands at `at`; None if there is none. Fields in `taken` have a value already.

    Raises:
        SweepError: at the key that is wrong.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise lines.error(f"search: expected a mapping with {', '.join(_KEYS)}, found {value!r}", *at)
    for key in value:
        if key not in _KEYS:
            message = f"search: unknown key '{key}'; allowed: {', '.join(_KEYS)}.{closest(key, _KEYS)}"
            raise lines.error(message, *at, key)
    for key in ("field", "metric"):
        _check(lines, value, at, key, isinstance(value.get(key), str), "a name")
    if value["field"] in taken:
        message = f"search.field: {value['field']} has a value already; a searched field is not set or varied"
        raise lines.error(message, *at, "field")
    found = dict(value) | {"sampler": _one_of(lines, value, at, "sampler", SAMPLERS)}
    found["direction"] = _one_of(lines, value, at, "direction", DIRECTIONS)
    found["pruner"] = _one_of(lines, value, at, "pruner", PRUNERS)
    ends = _values(lines, value, at) if found["sampler"] == "grid" else _range(lines, value, at)
    return Search(**found | ends)


def _values(lines: Lines, value: Mapping[str, Any], at: Where) -> dict[str, Any]:
    values = value.get("values")
    good = (
        isinstance(values, list) and values and all(map(_positive, values)) and len({*values}) == len(values)
    )
    _check(lines, value, at, "values", good, "a list of different numbers above 0")
    for key in ("low", "high", "trials"):
        _check(lines, value, at, key, key not in value, "left out: a grid has `values`")
    ordered = tuple(float(number) for number in values)
    return {"values": ordered, "low": min(ordered), "high": max(ordered), "trials": len(ordered)}


def _range(lines: Lines, value: Mapping[str, Any], at: Where) -> dict[str, Any]:
    _check(lines, value, at, "values", "values" not in value, "left out: they are for `sampler: grid`")
    for key in ("low", "high"):
        _check(lines, value, at, key, _positive(value.get(key)), "a number above 0")
    _check(lines, value, at, "high", value["high"] > value["low"], f"larger than low, {value['low']}")
    trials = value.get("trials", _TRIALS)
    _check(lines, value, at, "trials", type(trials) is int and trials > 0, "a whole number above 0")
    return {"low": float(value["low"]), "high": float(value["high"]), "trials": trials}


def _one_of(lines: Lines, value: Mapping[str, Any], at: Where, key: str, allowed: tuple[str, ...]) -> str:
    chosen = value.get(key, allowed[0])
    _check(lines, value, at, key, chosen in allowed, f"one of {', '.join(allowed)}")
    return chosen


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _check(lines: Lines, value: Mapping[str, Any], at: Where, key: str, good: Any, wanted: str) -> None:
    if not good:
        raise lines.error(f"search.{key}: must be {wanted}, found {value.get(key)!r}", *at, key)
