"""A table and its three spellings: Markdown, LaTeX (booktabs) and CSV. All print the same digits."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

_TEX = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "†": r"\textsuperscript{\dag}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": r"$-$",
    "–": "--",
    "—": "---",
    "·": r"$\cdot$",
    "²": r"\textsuperscript{2}",
}


@dataclass(frozen=True)
class Unit:
    """What a metric is counted in, what stands behind its numbers, and with how many decimals they are shown."""

    suffix: str
    decimals: int
    less_is_better: bool = False


POINTS = Unit("", 1)
LOSS = Unit(" nats", 3, less_is_better=True)
LOG10 = Unit(" log10 units", 3)
RATIO = Unit("", 3)


def unit(metric: str) -> Unit:
    """The unit of a metric, by its name; one that is none of the known kinds is a bare number."""
    if "loss" in metric:
        return LOSS
    if metric.endswith("/log10"):
        return LOG10
    return POINTS if metric.startswith("eval/") else RATIO


@dataclass(frozen=True)
class Number:
    """A number, its half width if it has one, its unit, and whether it is the best of its column."""

    mean: float
    half: float = math.nan
    unit: Unit = POINTS
    best: bool = False

    @property
    def digits(self) -> str:
        """The mean."""
        return f"{self.mean:.{self.unit.decimals}f}"

    @property
    def spread(self) -> str:
        """The half width, or the empty string."""
        return "" if math.isnan(self.half) else f"{self.half:.{self.unit.decimals}f}"

    @property
    def text(self) -> str:
        """`31.2 ± 1.1`, or `36.9`."""
        return self.digits + (f" ± {self.spread}" if self.spread else "")


Entry = Number | str
NONE = "–"
"""Where there is no number."""


def p_text(value: float) -> str:
    """A p value with three decimals, or `<0.001`."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


@dataclass(frozen=True)
class Section:
    """Rows under one heading; an empty heading is not shown."""

    heading: str
    rows: Sequence[Sequence[Entry]]


@dataclass(frozen=True)
class Table:
    """What is shown, whatever the format. Every row has as many entries as there are columns."""

    title: str
    columns: Sequence[str]
    sections: Sequence[Section]
    notes: Sequence[str] = field(default_factory=list)

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers."""
        rows = [row for section in self.sections for row in section.rows]
        return [any(isinstance(row[place], Number) for row in rows) for place in range(len(self.columns))]


def markdown(table: Table) -> str:
    """GitHub's tables; best in bold; a heading is a row of its own."""

    def line(entries: Sequence[str]) -> str:
        return "| " + " | ".join(entry.replace("|", "\\|") for entry in entries) + " |"

    def spell(entry: Entry) -> str:
        if isinstance(entry, Number) and entry.best:
            return entry.text.replace(entry.digits, f"**{entry.digits}**", 1)
        return entry.text if isinstance(entry, Number) else entry

    rules = ["---:" if numeric else "---" for numeric in table.numeric]
    lines = [f"### {table.title}", "", line(table.columns), "|" + "|".join(rules) + "|"]
    for section in table.sections:
        if section.heading:
            lines.append(line([f"*{section.heading}*", *[""] * (len(table.columns) - 1)]))
        lines += [line([spell(entry) for entry in row]) for row in section.rows]
    return "\n".join([*lines, "", *(f"{note}  " for note in table.notes), ""])


def latex(table: Table) -> str:
    """A `table` environment for a document that loads booktabs."""

    def spell(entry: Entry) -> str:
        if not isinstance(entry, Number):
            return escape(entry)
        digits = f"\\textbf{{{entry.digits}}}" if entry.best else entry.digits
        return digits + (f" $\\pm$ {entry.spread}" if entry.spread else "")

    width = len(table.columns)
    lines = [r"\begin{table}", r"\centering", f"\\caption{{{escape(table.title)}}}"]
    lines += [f"\\begin{{tabular}}{{{''.join('r' if numeric else 'l' for numeric in table.numeric)}}}"]
    lines += [r"\toprule", " & ".join(escape(column) for column in table.columns) + r" \\"]
    for section in table.sections:
        lines.append(r"\midrule")
        if section.heading:
            lines.append(f"\\multicolumn{{{width}}}{{l}}{{\\emph{{{escape(section.heading)}}}}} \\\\")
        lines += [_line([spell(entry) for entry in row]) for row in section.rows]
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [f"\\par\\footnotesize {escape(note)}" for note in table.notes]
    return "\n".join([*lines, r"\end{table}", ""])


def _line(entries: Sequence[str]) -> str:
    """A row; one that begins with a bracket would be taken for an option of the line break before it."""
    return ("{}" if entries[0].startswith("[") else "") + " & ".join(entries) + r" \\"


def comma_separated(table: Table) -> str:
    """One header line; a column `section`; a number is two columns, its mean and its half width."""
    numeric = table.numeric
    header = ["section"]
    for column, is_number in zip(table.columns, numeric, strict=True):
        header += [column, f"{column} ±"] if is_number else [column]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    for section in table.sections:
        for row in section.rows:
            cells = [section.heading]
            for entry, is_number in zip(row, numeric, strict=True):
                if isinstance(entry, Number):
                    cells += [entry.digits, entry.spread]
                else:
                    cells += [entry, ""] if is_number else [entry]
            writer.writerow(cells)
    return buffer.getvalue()


def escape(text: str) -> str:
    """Text that LaTeX prints as it stands."""
    return "".join(_TEX.get(char, char) for char in text)


FORMATS = {"md": markdown, "tex": latex, "csv": comma_separated}
"""File ending -> how a table is written."""
