"""The published numbers: as printed, with their source, and none that is not sure."""

from __future__ import annotations

import pytest

from reports.paper import CONFIDENCE, _row, published


def test_resolution_rows_are_the_papers() -> None:
    rows = {(row.series, row.value): list(row.scores.values()) for row in published("encoder").rows}
    assert rows["ViT-L, DFN-5B+VeCap", 224] == [36.9, 58.7, 62.2]
    assert rows["ViT-L, DFN-5B+VeCap", 336] == [39.9, 62.4, 66.0]
    assert rows["ViT-H, DFN-5B", 378] == [40.9, 62.5, 66.4]


def test_gains_are_within_a_model() -> None:
    assert published("encoder").gains("eval/average/0shot") == pytest.approx([3.0, 3.0, 3.4])
    assert published("encoder").gains("eval/text/average") == []


def test_a_less_sure_number_is_marked_and_explained() -> None:
    table = published("encoder")
    assert {row.mark for row in table.rows} == {"", "†"}
    assert table.footnotes == ["† read once, off a picture of the paper's own table"]


@pytest.mark.parametrize("confidence", ["memory", "digitised", "guess"])
def test_nothing_less_sure_is_shown(confidence: str) -> None:
    assert confidence not in CONFIDENCE
    with pytest.raises(KeyError, match="not sure enough"):
        _row({"series": "x", "value": 1, "scores": [1.0], "confidence": confidence}, ["eval/average/0shot"])


def test_a_study_without_a_table() -> None:
    assert published(None) is None
