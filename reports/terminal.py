"""The result table and the verdicts in a terminal; plain text in a pipe, within 80 columns."""

from __future__ import annotations

import math
from collections.abc import Collection

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from ablations.claims import Verdict
from reports.formats import Entry
from reports.frame import Results, read
from reports.page import MARKS
from reports.tables import interval, lesson, p_value

_UNLIMITED = 1000
_STYLES = {"reproduced": "bold blue", "contradicted": "bold dark_orange3", "inconclusive": "bold"}


def print_results(
    study: str, tracking_uri: str, console: Console, cells: Collection[str] | None = None
) -> None:
    """Mean ± 95 % interval by setting, then each claim with its verdict.

    Shown is the newest sweep, or the one of these cell ids. Raises UserError without runs.
    """
    results = read(study, tracking_uri, cells)
    console.print(Text(results.study["question"], style="bold"))
    console.print(_scores(results, console))
    console.print(
        f"{results.scale} scale; mean ± half width of the 95 % interval over seeds\n", highlight=False
    )
    console.print(Group(*map(_verdict, results.verdicts)))
    for caveat, claims in results.caveats.items():
        about = "all claims" if len(claims) == len(results.verdicts) else ", ".join(claims)
        console.print(Text(f"note: {caveat} ({about})", style="dim"))
    if results.finished < results.declared:
        console.print(f"{results.declared - results.finished} of {results.declared} cells are not finished.")


def _scores(results: Results, console: Console) -> Table:
    """The lesson table; half widths stand under their means where the line is too short for them."""
    table = _lesson_table(results, " ± ")
    unlimited = console.options.update(max_width=_UNLIMITED)
    fits = table.__rich_measure__(console, unlimited).maximum <= console.width
    return table if fits else _lesson_table(results, "\n± ")


def _lesson_table(results: Results, between: str) -> Table:
    table = lesson(results)
    shown = Table(box=None, pad_edge=False)
    narrow = len(table.columns) - 1  # compute is for the page: a terminal has 80 columns
    for column, numeric in list(zip(table.columns, table.numeric, strict=True))[:narrow]:
        shown.add_column(column, justify="right" if numeric or column == "seeds" else "left", no_wrap=True)
    for row in table.sections[0].rows:
        shown.add_row(*(_spell(entry, between) for entry in row[:narrow]))
    return shown


def _spell(entry: Entry, between: str = " ± ") -> Text:
    if isinstance(entry, str):
        return Text(entry)
    spread = f"{between}{entry.spread}" if entry.spread else ""
    return Text.assemble((entry.digits, "bold" if entry.best else ""), spread)


def _verdict(verdict: Verdict) -> Table:
    """`✓ reproduced    the claim` and under it the numbers."""
    facts = [interval(verdict)]
    if not math.isnan(verdict.low):
        facts.append(f"corrected p {p_value(verdict)}")
    facts += [f"{verdict.n_seeds} seed{'s' * (verdict.n_seeds != 1)}"]
    facts += [verdict.advice] if verdict.advice else []
    mark = Text(f"{MARKS[verdict.verdict]} {verdict.verdict:<13}", style=_STYLES[verdict.verdict])
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(mark, Group(Text(verdict.text), Text(" · ".join(facts), style="dim")))
    return grid


def print_ranking(tracking_uri: str, console: Console) -> None:
    """Every factor's paired range, then each claimed order with its verdict. Raises UserError without runs."""
    from reports.build import ranking
    from reports.ranking_view import effects_table, orders_table

    ranked = ranking(tracking_uri)
    effects, orders = effects_table(ranked), orders_table(ranked)
    console.print(Text(effects.title, style="bold"))
    shown = Table(box=None, pad_edge=False)
    for column in ("factor", "paired range", "best against worst"):
        shown.add_column(column, justify="right" if column == "paired range" else "left")
    for row in effects.sections[0].rows:
        shown.add_row(_spell(row[0]), _spell(row[3]), _spell(row[2]))
    console.print(shown)
    console.print("paired range of the 8-shot average; ± half width of the 95 % interval\n", highlight=False)
    for text, difference, _, p, verdict in orders.sections[0].rows:
        name = str(verdict).partition(":")[0]
        mark = Text(f"{MARKS[name]} {verdict:<13} ", style=_STYLES[name])
        console.print(Text.assemble(mark, f"{text}  ", (f"{difference} · corrected p {p}", "dim")))
