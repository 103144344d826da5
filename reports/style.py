"""How all figures look, and how they are written: the same bytes for the same runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = {
    "svg.hashsalt": "ablate",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
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
