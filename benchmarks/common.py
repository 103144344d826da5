"""What the benchmarks share: one thread, a world on disk, interleaved repeats, a ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import datasets
import torch

from mm1.config import World
from mm1.data.world.build import ensure

WORLD = World(captions=2000, interleaved=600, text=1000, benchmark_items=60, shot_pool=120)


def world(root: Path = Path("runs/benchmarks")) -> Path:
    """A small world for measuring, kept between runs."""
    torch.set_num_threads(1)
    datasets.disable_progress_bars()
    return ensure(WORLD, root)


def interleave(
    ours: Callable[[], float], theirs: Callable[[], float], repeats: int
) -> tuple[list[float], list[float]]:
    """Run both in turn, so that a machine that slows down slows both; each returns its own figure."""
    pairs = [(ours(), theirs()) for _ in range(repeats)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def report(what: str, unit: str, ours: list[float], theirs: list[float], *, more_is_better: bool) -> None:
    """Medians of both, and the median and range of the ratio pair by pair."""
    ratios = [a / b if more_is_better else b / a for a, b in zip(ours, theirs, strict=True)]
    print(f"{what}: ours {statistics.median(ours):.3g} {unit}, theirs {statistics.median(theirs):.3g} {unit}")
    print(f"  ratio {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")
