"""A configuration field has one place in a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ablations.errors import SweepError

if TYPE_CHECKING:
    from ablations.sweep import Sweep


def check_overlap(sweep: Sweep) -> None:
    """Refuse a field that is set twice, or beside a part of it; and the seed, which has a block of its own.

    Around a baseline an axis may also be set: that is its base value.

    Raises:
        SweepError: at the second place, naming the first.
    """
    fixed = [(name, "set", value) for name, value in sweep.set.items()]
    varied = [(name, "axes", values) for name, values in sweep.axes.items()]
    varied += [(name, "zip", values) for group in sweep.zip for name, values in group.items()]
    base = sweep.factors if sweep.design == "baseline" else []
    _check_distinct(sweep, [*varied, *(given for given in fixed if given[0] not in base)])
    for extra in sweep.include:
        kept = [given for given in fixed if given[0] not in extra]
        _check_distinct(sweep, [*kept, *((name, "include", value) for name, value in extra.items())])


def _check_distinct(sweep: Sweep, given: Sequence[tuple[str, str, Any]]) -> None:
    for index, (name, block, value) in enumerate(given):
        place, line = sweep.place(name, value, [block])
        if name == "seed":
            raise SweepError(place, line, "seed: seeds are written as `seeds: 0-2`, not as a field")
        for other, earlier, values in given[:index]:
            if f"{name}.".startswith(f"{other}.") or other.startswith(f"{name}."):
                file, first = sweep.place(other, values, [earlier])
                where = f"by {file}" if first is None else f"on line {first}"
                where += f" of {file}" if first is not None and file != place else ""
                message = f"{name}: a field has one place, but '{other}' is already set {where}"
                raise SweepError(place, line, message)
