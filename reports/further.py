"""Tables that only some studies have: text-only benchmarks, routing, and what was published after fine-tuning."""

from __future__ import annotations

from collections.abc import Callable

from reports.formats import Entry, Number, Section, Table
from reports.frame import Results
from reports.paper import after_tuning
from reports.summary import ROUTING, routing_metrics, settings, text_metrics
from reports.tables import axis_columns, best_in_bold, numbers, row_labels


def further_tables(results: Results) -> dict[str, Callable[[Results], Table]]:
    """Those of these tables that a study has something for, by name."""
    has = {
        "text": (text_metrics(results), text_table),
        "routing": (routing_metrics(results), routing_table),
        "after-tuning": (after_tuning(results.study["name"]), after_tuning_table),
    }
    return {name: make for name, (something, make) in has.items() if something}


def text_table(results: Results) -> Table:
    """Every text-only benchmark on its own, and their average."""
    metrics = text_metrics(results)
    rows = best_in_bold([[*s.labels, *numbers(results, s, metrics)] for s in settings(results)])
    columns = [*axis_columns(results), *(metric.split("/")[2] for metric in metrics)]
    notes = ["Accuracy, mean ± half width of the 95 % t interval over seeds; no pictures and no examples."]
    return Table("Text-only benchmarks", columns, [Section("", rows)], notes)


def routing_table(results: Results) -> Table:
    """How the experts are used, for every setting that has some."""
    metrics = routing_metrics(results)
    found = [(s.labels, numbers(results, s, metrics)) for s in settings(results)]
    rows: list[list[Entry]] = [
        [*labels, *own] for labels, own in found if any(isinstance(entry, Number) for entry in own)
    ]
    columns = [*axis_columns(results), *(ROUTING[metric] for metric in metrics)]
    notes = [
        "Mean ± half width of the 95 % t interval over seeds, of the last step of training that was logged.",
        "Balance loss and busiest expert are 1 where every expert gets as much; entropy is a share of its maximum.",
    ]
    return Table("Routing", columns, [Section("", rows)], notes)


def after_tuning_table(results: Results) -> Table:
    """What the paper measured after fine-tuning, in its own columns."""
    paper = after_tuning(results.study["name"])
    rows = [
        [*row_labels(results, row), *(Number(score) for score in row.scores.values())] for row in paper.rows
    ]
    columns = [*axis_columns(results), *paper.rows[0].scores]
    return Table(f"Published: {paper.source}", columns, [Section("", rows)], [paper.about, *paper.footnotes])
