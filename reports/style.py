"""How all figures look, and how they are written: the same bytes for the same runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.paper import Published

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DASHES = ("-", "--", ":", "-.", (0, (6, 1, 1, 1, 1, 1)), (0, (4, 3)))

_STYLE = {
    "svg.hashsalt": "ablate",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "legend.handlelength": 2.8,
    "legend.title_fontsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.linewidth": 0.8,
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
    "xtick.major.size": 3.5,
    "ytick.major.size": 3.5,
    "figure.dpi": 160,
    "savefig.bbox": "tight",
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw without a screen, in the project's style."""
    import matplotlib

    matplotlib.use("Agg")
    import seaborn

    with matplotlib.rc_context():
        seaborn.set_theme(style="ticks", palette="colorblind", rc=_STYLE)
        yield


def looks(count: int) -> list[dict[str, Any]]:
    """Colour, marker and dashes of as many lines: each differs in all three, so that a grey print can be read."""
    import seaborn

    turns = zip(cycle(seaborn.color_palette("colorblind")), cycle(_MARKERS), cycle(_DASHES), strict=False)
    names = ("color", "marker", "linestyle")
    return [dict(zip(names, look, strict=True)) for look, _ in zip(turns, range(count), strict=False)]


def mark(axes: Axes, x: float, y: float, text: str, aside: tuple[float, float] = (0, 3)) -> None:
    """Put the mark of a published number (none if it is sure) above it, or as many points aside."""
    if text:
        axes.annotate(text, (x, y), aside, textcoords="offset points", ha="center", fontsize=7)


def absent(axes: Axes, text: str) -> None:
    """Say why there is nothing in a panel."""
    axes.text(0.5, 0.5, text, ha="center", va="center", color="0.5", transform=axes.transAxes)
    axes.set_axis_off()


def footnotes(figure: Figure, paper: Published) -> None:
    """Say below the figure what the marks of published numbers mean."""
    if paper.footnotes:
        figure.supxlabel("; ".join(paper.footnotes), x=0.01, ha="left", fontsize=7)


def trim(figure: Figure) -> None:
    """No frame above and on the right."""
    import seaborn

    seaborn.despine(figure)


def save(figure: Figure, stem: Path) -> Path:
    """PNG and SVG without dates or version strings. Returns the PNG."""
    import matplotlib.pyplot as plt

    trim(figure)
    stem.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(stem.with_suffix(".png"), metadata={"Software": None})
    figure.set_layout_engine("none")  # the places it has found are kept: finding them is half of the drawing
    figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return stem.with_suffix(".png")
