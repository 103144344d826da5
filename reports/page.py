"""One self-contained HTML page: everything inlined, nothing fetched, the same bytes for the same runs."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from ablations.plan_view import clock
from ablations.ui import HOST, PORT
from reports import ranking_view, tables
from reports.formats import Number
from reports.frame import Results
from reports.further import further_tables
from reports.provenance import provenance
from reports.ranking import Ranked
from reports.scaling import scaling_table

MARKS = {"reproduced": "✓", "contradicted": "✗", "inconclusive": "?"}


@dataclass(frozen=True)
class Chapter:
    """A study on the page: its results, and its figures as name -> (PNG, what it shows)."""

    results: Results
    figures: Mapping[str, tuple[Path, str]]


def render(chapters: Sequence[Chapter], ranked: Ranked | None, effects: Path) -> str:
    """The whole page as text. `effects` is the figure of the ranking, if there is one."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = (files("reports") / "templates" / "page.html").read_text(encoding="utf-8")
    template = environment.from_string(source)
    verdicts = [v.verdict for chapter in chapters for v in chapter.results.verdicts]
    return template.render(
        count=verdicts.count,
        claimed=len(verdicts),
        chapters=chapters,
        made=provenance([chapter.results for chapter in chapters]),
        clock=clock,
        tables=tables,
        further_tables=further_tables,
        ui=f"http://{HOST}:{PORT}",
        ranked=ranked,
        effects=effects,
        ranking_view=ranking_view,
        scaling_table=scaling_table,
        marks=MARKS,
        inline=_inline,
        is_number=lambda entry: isinstance(entry, Number),
    )


def _inline(png: Path) -> str:
    """The SVG beside a PNG as a data URI."""
    return f"data:image/svg+xml;base64,{b64encode(png.with_suffix('.svg').read_bytes()).decode()}"
