"""Grouped bars: what stands where, and how mixes are spelled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports.bars import draw_bars
from reports.frame import Results, read
from reports.paper import published
from reports.summary import axis_title, tick

MIXES = [{"captions": 66.0, "interleaved": 33.0}, {"captions": 100.0}, {"interleaved": 90.0, "text": 10.0}]


@pytest.fixture
def mixed(store: str) -> Results:
    """Results whose one axis is a mix."""
    found = read("demo", store)
    study = {**found.study, "axes": [{"field": "data.mix", "label": "mix", "unit": ""}]}
    return replace(found, study=study, levels={"data.mix": MIXES})


def test_a_mix_is_spelled_by_the_shares_of_all_its_parts(mixed: Results) -> None:
    assert [tick(mixed, "data.mix", mix) for mix in MIXES] == ["66/33/0", "100/0/0", "0/90/10"]
    assert axis_title(mixed, ["data.mix"]) == "captions/interleaved/text"


def test_ours_stand_above_the_papers(store: str) -> None:
    results = read("demo", store)
    figure = draw_bars(results)
    metrics = [name for name in results.study["metrics"] if name.startswith("eval/")]
    above, below = figure.axes[: len(metrics)], figure.axes[len(metrics) :]
    assert [len(axes.patches) for axes in above] == [len(results.levels["encoder.resolution"])] * len(metrics)
    heights = {round(bar.get_height(), 1) for bar in below[0].patches}
    assert heights >= {36.9, 39.9, 40.9}
    labels = [text.get_text() for text in above[0].get_xticklabels()]
    assert labels == [str(value) for value in results.levels["encoder.resolution"]]


def test_colours_have_a_legend_that_names_the_axis_and_unsure_numbers_a_mark(store: str) -> None:
    found = read("demo", store)
    fields = {"connector.type": ["average-pool", "c-abstractor"], "connector.tokens": [4, 9]}
    axes = [{"field": field, "label": field, "unit": ""} for field in fields]
    cells = found.cells.sort_values("encoder.resolution").assign(
        **{"connector.type": [fields["connector.type"][place // 6] for place in range(12)]},
        **{"connector.tokens": [fields["connector.tokens"][place // 3 % 2] for place in range(12)]},
    )
    study = {**found.study, "axes": axes, "paper": "connector"}
    figure = draw_bars(replace(found, cells=cells, levels=fields, study=study))
    assert figure.legends[0].get_title().get_text() == "connector.type"
    count = len(found.study["metrics"])
    assert [text.get_text() for text in figure.axes[count].texts] == ["†"] * 9
    assert figure.get_supxlabel().startswith("†")


def test_series_of_the_paper_have_colours_that_ours_do_not_have(store: str) -> None:
    found = read("demo", store)
    axes = [{"field": "encoder.resolution", "label": "resolution", "unit": "px"}]
    figure = draw_bars(replace(found, study={**found.study, "axes": axes, "paper": "encoder"}))
    ours, theirs = figure.axes[0], figure.axes[len(found.study["metrics"])]
    colours = [{bar.get_facecolor() for bar in axes.patches} for axes in (ours, theirs)]
    series = {row.series for row in published("encoder").rows}
    assert len(colours[0]) == 1 and len(colours[1]) == len(series) and not colours[0] & colours[1]
    assert figure.legends[0].get_title().get_text() == "published"
