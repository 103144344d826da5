"""Text-only benchmarks, routing, and scores after fine-tuning: shown for the studies that have them."""

from __future__ import annotations

from dataclasses import replace

from reports.formats import Number
from reports.frame import Results, read
from reports.further import further_tables, routing_table, text_table
from reports.summary import ROUTING

AXIS = "encoder.resolution"


def routed(results: Results) -> Results:
    """As if all but the lowest resolution had experts."""
    some = results.cells[AXIS] > 16
    return replace(results, cells=results.cells.assign(**dict.fromkeys(ROUTING, some.map({True: 1.0}))))


def test_a_study_has_the_tables_it_has_something_for(store: str) -> None:
    results = read("demo", store)
    assert [*further_tables(results)] == ["text"]
    assert [*further_tables(replace(results, study={**results.study, "name": "moe"}))] == [
        "text",
        "after-tuning",
    ]
    assert [*further_tables(routed(results))] == ["text", "routing"]


def test_every_text_only_benchmark_and_their_average(store: str) -> None:
    table = text_table(read("demo", store))
    assert table.columns == ["resolution (px)", "reading", "world", "average"]
    for _, reading, world, average in table.sections[0].rows:
        assert abs((reading.mean + world.mean) / 2 - average.mean) < 1e-9


def test_routing_is_shown_where_there_are_experts(store: str) -> None:
    table = routing_table(routed(read("demo", store)))
    assert [*table.columns] == ["resolution (px)", *ROUTING.values()]
    assert [row[0] for row in table.sections[0].rows] == ["24", "32", "48"]
    assert all(
        isinstance(entry, Number) and entry.text == "1.000 ± 0.000" for entry in table.sections[0].rows[0][1:]
    )
