"""What the figures show and how: series, legends, the marks of published numbers. (Bars have a file of their own.)"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ablations import tracking
from reports.benchmarks import draw_benchmarks
from reports.figures import draw
from reports.frame import Results, curves, read
from reports.labels import name, split
from reports.lines import draw_lines, draw_over_field
from reports.losses import draw_losses
from reports.mixes import draw_mixes
from reports.style import looks

MIXES = [
    {"captions": 100.0},
    {"captions": 66.0, "interleaved": 33.0},
    {"captions": 33.0, "interleaved": 66.0},
    {"interleaved": 100.0},
]
Made = Callable[..., Results]


@pytest.fixture
def made(store: str) -> Made:
    """The demo's cells, with other axes: field -> its value at each of the four resolutions."""
    found = read("demo", store)

    def make(paper: str | None = None, **fields: list[Any]) -> Results:
        named = {field.replace("__", "."): values for field, values in fields.items()}
        levels, cells = {}, found.cells.copy()
        for field, values in named.items():
            levels[field] = list({str(value): value for value in values}.values())
            place = cells["encoder.resolution"].map({16: 0, 24: 1, 32: 2, 48: 3})
            cells[field] = [values[at] for at in place]
        axes = [{"field": field, "label": field.rpartition(".")[2], "unit": ""} for field in named]
        study = {**found.study, "axes": axes, "paper": paper}
        return replace(found, study=study, levels=levels, cells=cells)

    return make


def test_each_mix_is_a_line_over_the_shots_here_and_in_the_paper(made: Made) -> None:
    results = made("caption-interleaved", data__mix=MIXES)
    figure = draw_mixes(results)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["text", "average by shots"]
    ours, theirs = figure.axes[1], figure.axes[3]
    assert [bars.lines[0].get_xdata().size for bars in ours.containers] == [3] * 4
    assert all(bars.has_yerr for bars in ours.containers)
    published = {line.get_label(): [*line.get_ydata()] for line in theirs.lines}
    assert len(published) == 5 and published["50/50"] == [33.4, 58.7, 62.2]
    (legend,) = figure.legends
    assert legend.get_title().get_text() == "captions/interleaved"
    assert [text.get_text() for text in legend.get_texts()] == ["100/0", "66/33", "33/66", "0/100", "50/50"]
    assert [text.get_text() for text in theirs.texts] == ["†"] * 15
    assert figure.get_supxlabel().startswith("† read once")


def test_mixes_that_an_older_store_has_as_bars_are_lines(made: Made, tmp_path: Path) -> None:
    results = made(data__mix=MIXES)
    results = replace(results, study={**results.study, "figure": "bars"})
    assert "a line per mix" in draw(results, pd.DataFrame(), tmp_path)["scores"][1]


def test_only_published_points_that_are_unsure_are_marked(store: str) -> None:
    figure = draw_lines(read("demo", store))
    ours, theirs = figure.axes
    assert not ours.texts and [text.get_text() for text in theirs.texts] == ["†"] * 3
    assert {text.xy for text in theirs.texts} == {(224, 37.5), (224, 57.0), (224, 61.4)}
    assert figure.legends[0].get_title().get_text() and theirs.get_legend().get_title().get_text()


def test_a_learning_rate_is_logarithmic_with_a_line_per_size(made: Made) -> None:
    results = made(language__width=[32, 32, 64, 64], training__rate=[0.001, 0.01, 0.001, 0.01])
    figure = draw_over_field(results, "training.rate")
    assert len(figure.axes) == len(results.study["metrics"])
    for axes in figure.axes:
        assert axes.get_xscale() == "log" and len(axes.containers) == 2
    assert figure.legends[0].get_title().get_text() == "width"


def test_settings_without_order_are_not_joined(made: Made, store: str) -> None:
    frozen = draw_benchmarks(made(encoder__frozen=[False, True, False, True]))
    numbers = draw_benchmarks(read("demo", store))
    for figure, styles in ((frozen, {"None"}), (numbers, {"-", "--", ":"})):
        assert {bars.lines[0].get_linestyle() for bars in figure.axes[0].containers} == styles
        assert figure.legends[0].get_title().get_text() == "examples in the prompt"
    assert [text.get_text() for text in frozen.axes[0].get_yticklabels()] == ["False", "True"]


def test_crossed_axes_give_colours_and_those_that_go_together_do_not(made: Made) -> None:
    crossed = made(connector__type=["a", "a", "b", "b"], connector__tokens=[4, 9, 4, 9])
    assert split(crossed) == (["connector.type"], ["connector.tokens"])
    together = made(encoder__width=[32, 32, 64, 64], encoder__depth=[3, 3, 4, 4])
    assert split(together) == ([], ["encoder.width", "encoder.depth"])


def test_without_experts_there_is_no_every_nth_block(made: Made) -> None:
    results = made(experts__count=[0, 0, 8, 8], experts__every=[2, 2, 2, 4])
    values = [{"experts.count": count, "experts.every": 2} for count in (0, 8)]
    assert [name(results, one) for one in values] == ["0 / –", "8 / 2"]
    assert split(results)[0] == []


def test_curves_differ_in_dashes_and_the_legend_names_the_field(store: str) -> None:
    results = read("demo", store)
    figure = draw_losses(results, curves(results, store))
    (legend,) = figure.legends
    assert legend.get_title().get_text() == "resolution (px)"
    assert len({line.get_linestyle() for line in legend.get_lines()}) == 4


def test_many_settings_are_spread_over_a_row_of_panels_for_each_kind(store: str) -> None:
    results = read("demo", store)
    cells = results.cells.assign(kind=results.cells["seed"].map(dict(enumerate("abc"))))
    axes = [*results.axes, {"field": "kind", "label": "kind", "unit": ""}]
    levels = {**results.levels, "kind": [*"abc"]}
    many = replace(results, cells=cells, levels=levels, study={**results.study, "axes": axes})
    figure = draw_losses(many, curves(many, store))
    assert [panel.get_title() for panel in figure.axes] == [f"resolution (px): {r}" for r in (16, 24, 32, 48)]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*"abc"]


def test_twenty_series_are_all_unlike() -> None:
    assert len({str(look) for look in looks(20)}) == 20


def test_the_loss_of_sparse_models_is_that_of_the_next_token(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = read("demo", store)
    known = results.cells.assign(**{"multimodal/next_token_loss": [1.0] + [None] * 11})
    asked = []
    monkeypatch.setattr(tracking, "history", lambda uri, run, metric: asked.append(metric) or [])
    curves(replace(results, cells=known), store)
    assert asked == ["multimodal/next_token_loss"] + ["multimodal/loss"] * 11
