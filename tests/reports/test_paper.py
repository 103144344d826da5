"""The published numbers: as printed, with their source, and none that is not sure."""

from __future__ import annotations

import pytest

from ablations import studies
from ablations.errors import UserError
from reports.paper import CONFIDENCE, _row, after_tuning, published


def test_resolution_rows_are_the_papers() -> None:
    rows = {
        (row.series, row.values["encoder.resolution"]): list(row.scores.values())
        for row in published("encoder").rows
    }
    assert rows["ViT-L, DFN-5B+VeCap", 224] == [36.9, 58.7, 62.2]
    assert rows["ViT-L, DFN-5B+VeCap", 336] == [39.9, 62.4, 66.0]
    assert rows["ViT-H, DFN-5B", 378] == [40.9, 62.5, 66.4]
    assert rows["ViT-L, ImageText-400M", 336] == [39.3, 62.2, 66.1]


def test_every_encoder_of_table_1_stands_somewhere() -> None:
    tables = [published(name) for name in ("encoder", "encoder-objective", "encoder-size", "encoder-data")]
    assert len({tuple(row.scores.values()) for table in tables for row in table.rows}) == 10


def test_gains_are_within_a_model() -> None:
    def said(metric: str) -> list[float]:
        sides = {"left": {"encoder.resolution": "max"}, "right": {"encoder.resolution": "min"}}
        return [gain for gain, _ in published("encoder").differences({"metric": metric, **sides})]

    assert said("eval/average/0shot") == pytest.approx([3.0, 3.0, 3.4])
    assert said("eval/text/average") == []


def test_mixes_and_crossed_axes_are_paired() -> None:
    captions, interleaved = {"captions": 100.0}, {"interleaved": 100.0}
    sides = {"left": {"data.mix": captions}, "right": {"data.mix": interleaved}}
    claim = {"metric": "eval/average/0shot", **sides}
    ((gain, mark),) = published("caption-interleaved").differences(claim)
    assert (gain, mark) == (pytest.approx(13.5), "†")
    tokens = {"left": {"connector.tokens": "max"}, "right": {"connector.tokens": "min"}}
    found = published("connector").differences({"metric": "eval/average/8shot", **tokens})
    assert sorted(gain for gain, _ in found) == pytest.approx([-0.8, 0.8, 1.2])


def test_every_study_finds_its_table() -> None:
    for name in studies.names():
        table = published(studies.get(name).paper)
        assert table is None or all(
            {axis.field for axis in studies.get(name).axes} >= set(row.values) for row in table.rows
        )


def test_a_table_that_does_not_exist_is_named() -> None:
    with pytest.raises(UserError, match=r"'conector'.*connector"):
        published("conector")


def test_a_less_sure_number_is_marked_and_explained() -> None:
    table = published("encoder")
    assert {row.mark for row in table.rows} == {"", "†"}
    assert table.footnotes == ["† read once, off a picture of the paper's own table or figure"]


def test_a_difference_is_as_sure_as_the_less_sure_of_its_rows() -> None:
    sides = {"left": {"encoder.resolution": "max"}, "right": {"encoder.resolution": "min"}}
    found = published("encoder").differences({"metric": "eval/average/4shot", **sides})
    assert [(round(gain, 1), mark) for gain, mark in found] == [(3.7, ""), (2.6, ""), (5.5, "†")]


@pytest.mark.parametrize("confidence", ["memory", "digitised", "guess"])
def test_nothing_less_sure_is_shown(confidence: str) -> None:
    assert confidence not in CONFIDENCE
    with pytest.raises(KeyError, match="not sure enough"):
        _row({"series": "x", "values": {}, "scores": [1.0], "confidence": confidence}, ["eval/average/0shot"])


def test_a_study_without_a_table() -> None:
    assert published(None) is None and after_tuning("connector") is None


def test_sparse_and_dense_chat_models_are_paired_by_size() -> None:
    sparse, dense = {"language.experts.count": 64}, {"language.experts.count": 0}
    claim = {"metric": "MMMU val", "left": sparse | {"language.experts.every": 2}, "right": dense}
    ((gain, mark),) = after_tuning("moe").differences(claim)
    assert (gain, mark) == (pytest.approx(4.7), "")
