"""The two sides of a claim: which cells, paired by what, and the item scores behind a metric."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from ablations.study import Claim


def same(one: Any, other: Any) -> bool:
    """Whether two axis values are the same; mappings and lists compare by content."""
    return one == other or canonical(one) == canonical(other)


def canonical(value: Any) -> str:
    """One text for equal values, the whole number 48 and the 48.0 of a column with fractions too."""
    return json.dumps(_whole(value), sort_keys=True, default=str)


def _whole(value: Any) -> Any:
    """The value with whole numbers as integers, at any depth."""
    if isinstance(value, Mapping):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def sides(claim: Claim, levels: Mapping[str, Sequence[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The axis values on the left and on the right, `max` and `min` resolved over the sweep's values."""
    extremes = {"max": max, "min": min}

    def resolve(chosen: Mapping[str, Any]) -> dict[str, Any]:
        return {
            axis: extremes[value](levels[axis]) if value in ("max", "min") and levels.get(axis) else value
            for axis, value in chosen.items()
        }

    return resolve(claim.left), resolve(claim.right)


def pair(
    cells: pd.DataFrame, left: Mapping[str, Any], right: Mapping[str, Any], axes: Sequence[str]
) -> pd.DataFrame:
    """Rows of `seed, cell_id_left, cell_id_right`: equal in seed and every axis the claim leaves open.

    Every seed that counts has the same values of the open axes: otherwise seeds would be means over different
    settings, and what is unfinished would look like spread.
    """
    rest = [axis for axis in axes if axis not in {*left, *right}]
    both = [_select(cells, side) for side in (left, right)]
    keyed = [
        side[["seed", "cell_id"]].assign(others=[canonical(list(row)) for row in side[rest].to_numpy()])
        for side in both
    ]
    return _balanced(keyed[0].merge(keyed[1], on=["seed", "others"], suffixes=("_left", "_right")))


def _balanced(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs of seeds that have every open setting; if there is none, of settings that every seed has."""
    complete = pairs.groupby("seed")["others"].transform("nunique") == pairs["others"].nunique()
    if complete.any():
        return pairs[complete]
    return pairs[pairs.groupby("others")["seed"].transform("nunique") == pairs["seed"].nunique()]


def _select(cells: pd.DataFrame, side: Mapping[str, Any]) -> pd.DataFrame:
    for axis, value in side.items():
        if axis not in cells:
            return cells.iloc[:0]
        cells = cells[np.array([same(found, value) for found in cells[axis]], dtype=bool)]
    return cells


def by_benchmark(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """(seeds, benchmarks x items) -> benchmark -> (seeds, items); items that a seed lacks are left out."""
    values = table.to_numpy()
    answered = ~np.isnan(values).any(axis=0)
    names = np.asarray(table.columns.get_level_values("benchmark"), dtype=object)
    return {name: values[:, answered & (names == name)] for name in sorted(set(names[answered]))}


def item_tables(metric: str, scores: pd.DataFrame) -> pd.DataFrame:
    """(cells, benchmarks x items): the scores that a metric is the mean of; empty for other metrics."""
    found = scores.iloc[:0]
    if match := re.fullmatch(r"eval/text/(.+)", metric):
        found = scores[scores["task"] == "choice"]
    elif match := re.fullmatch(r"eval/(.+)/(\d+)shot", metric):
        found = scores[(scores["task"] != "choice") & (scores["shots"] == int(match[2]))]
    if match and match[1] != "average":
        found = found[found["benchmark"] == match[1]]
    return found.pivot(index="cell_id", columns=["benchmark", "item"], values="score")


def missing(
    cells: pd.DataFrame, pairs: pd.DataFrame, left: Mapping[str, Any], right: Mapping[str, Any]
) -> list[str]:
    """A sentence for each side that has cells without a place in `pairs`."""
    sentences = []
    for name, side in (("left", left), ("right", right)):
        alone = _select(cells, side)
        alone = alone[~alone["cell_id"].isin(pairs[f"cell_id_{name}"])]
        if len(alone):
            seeds = ", ".join(str(seed) for seed in sorted(set(alone["seed"])))
            cells_of = f"{len(alone)} cell{'s' * (len(alone) > 1)}"
            sentences.append(
                f"seed {seeds}: {cells_of} on the {name} without every counterpart, so not counted"
            )
    return sentences
