"""What else differs between the two sides of a claim: settings, and facts of what was trained on what."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd

_TOLERANCE = 0.005
"""A fact that differs by less than this share is called equal."""
_SHOWN = 3
FACT, SETTING = "fact.", "setting."
"""How columns begin: `fact.images_seen`, `setting.data.mix.text`."""


def confounds(cells: pd.DataFrame, pairs: pd.DataFrame, axes: Collection[str]) -> list[str]:
    """A sentence for each fact or setting in which paired cells differ, other than the claim's own axes.

    Facts cover what follows from settings: steps, tokens and images seen, trainable parameters, compute.
    A setting that only follows an axis (of the same name and value) is not said.

    Args:
        cells: `cell_id` and columns `fact.<name>` (numbers) and `setting.<field>`.
        pairs: `cell_id_left` and `cell_id_right`.
        axes: the fields that the claim's sides set.
    """
    table = cells.set_index("cell_id")
    left, right = (table.loc[pairs[f"cell_id_{side}"]].reset_index(drop=True) for side in ("left", "right"))
    leaves = {axis.rsplit(".", 1)[-1] for axis in axes}
    facts = [name for name in sorted(table) if name.startswith(FACT) and name[len(FACT) :] not in leaves]
    sentences = [sentence for name in facts if (sentence := _fact(name, left[name], right[name]))]
    for name in sorted(table):
        field = name.removeprefix(SETTING)
        if name != field and not _is_axis(field, axes) and not _follows(name, table, axes):
            sentences += _setting(field, left[name], right[name])
    return sentences


def relative_compute(cells: pd.DataFrame) -> pd.Series:
    """Operations of training over those of the cheapest cell, by row: equal numbers are matched compute.

    Counted is the multimodal training of the cell, without the stages it starts from. Cells that do not say
    are NaN.
    """
    name = f"{FACT}training_flops"
    spent = cells[name] if name in cells else pd.Series(float("nan"), index=cells.index)
    return spent / spent.min()


def _is_axis(field: str, axes: Collection[str]) -> bool:
    return any(f"{field}.".startswith(f"{axis}.") or axis.startswith(f"{field}.") for axis in axes)


def _follows(name: str, table: pd.DataFrame, axes: Collection[str]) -> bool:
    """Whether a setting is the copy of an axis in another section."""
    leaf = name.rsplit(".", 1)[-1]
    same = [axis for axis in axes if axis.rsplit(".", 1)[-1] == leaf and axis in table]
    return any((table[axis].map(str) == table[name].map(_text)).all() for axis in same)


def _fact(name: str, left: pd.Series, right: pd.Series) -> str:
    fact = name.removeprefix(FACT).replace("_", " ")
    unknown = left.isna() != right.isna()
    if unknown.any():
        return f"{fact}: known on one side only, in {unknown.sum()} of {len(left)} pairs"
    larger = pd.concat([left.abs(), right.abs()], axis=1).max(axis=1)
    apart = (left - right).abs() > _TOLERANCE * larger
    if not apart.any():
        return ""
    shown = f"{fact} differ: {left.mean():,.6g} on the left, {right.mean():,.6g} on the right"
    return shown if apart.all() else f"{shown}, in {apart.sum()} of {len(left)} pairs"


def _setting(field: str, left: pd.Series, right: pd.Series) -> list[str]:
    pairs = [(_text(one), _text(other)) for one, other in zip(left, right, strict=True)]
    apart = [pair for pair in pairs if pair[0] != pair[1]]
    if not apart:
        return []
    one, other = (_list(sorted({pair[side] for pair in apart})) for side in (0, 1))
    return [f"{field} differs: {one} on the left, {other} on the right"]


def _list(values: Sequence[str]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(values[:_SHOWN]) + more


def _text(value: Any) -> str:
    return "-" if pd.isna(value) else str(value)
