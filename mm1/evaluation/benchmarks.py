"""Benchmarks on disk: a test split, a pool of shots, a task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Benchmark:
    """One benchmark. Rows have item, image, question, answers, group; a `choice` row has item, context, choices,
    answer, group."""

    name: str
    task: str
    stands_for: str
    test: list[Mapping[str, Any]]
    shots: list[Mapping[str, Any]]


def read(folder: Path, items: int) -> list[Benchmark]:
    """Every benchmark under `folder`, sorted by name, with its first `items` test rows. Images stay encoded."""
    found = sorted(folder.glob("*/benchmark.json"))
    if not found:
        raise FileNotFoundError(f"no benchmark.json under {folder}")
    return [_read(path.parent, items) for path in found]


def _read(folder: Path, items: int) -> Benchmark:
    from datasets import Image, load_from_disk

    about = json.loads((folder / "benchmark.json").read_text())
    splits = {}
    for split in ("test", "shots"):
        table = load_from_disk(str(folder / split))
        if "image" in table.column_names:
            table = table.cast_column("image", Image(decode=False))
        splits[split] = (
            table.to_list() if split == "shots" else table.select(range(min(items, len(table)))).to_list()
        )
    return Benchmark(about["name"], about["task"], about["stands_for"], splits["test"], splits["shots"])
