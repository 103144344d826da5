"""Write the micro world to disk as Arrow, once: captions, interleaved and text documents, and the benchmarks."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mm1.config import World
from mm1.data.world import documents
from mm1.data.world.benchmarks import BENCHMARKS, Benchmark

EPOCH = 1
"""Raised when the world's grammar or drawing changes: worlds of another epoch are never reused."""
_CHUNK = 1000
_USUAL_SYNTHETIC_SHARE = 0.35


def _sources(world: World) -> dict[str, Callable]:
    captions = partial(
        documents.caption_pair,
        synthetic_share=world.synthetic_share,
        usual_share=_USUAL_SYNTHETIC_SHARE,
    )
    return {"captions": captions, "interleaved": documents.interleaved_page, "text": documents.text_page}


def world_id(world: World) -> str:
    """The world's content address: its configuration and the epoch of the code that draws it."""
    text = json.dumps([EPOCH, world.model_dump()], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def ensure(world: World, root: Path) -> Path:
    """The world's folder under `root`, built if it is missing; published by one atomic rename."""
    folder = root / world_id(world)
    if not (folder / "manifest.json").exists():
        draft = root / f".{folder.name}.{socket.gethostname()}.{os.getpid()}"
        build(world, draft)
        try:
            draft.rename(folder)
        except OSError:  # another process was first; its world is the same
            shutil.rmtree(draft)
    return folder


def build(world: World, folder: Path) -> None:
    """Draw the whole world into `folder`. Row `i` of a source depends on (seed, source, i // chunk) alone."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest: dict[str, Any] = {"world": world.model_dump(), "epoch": EPOCH, "sources": {}}
    for name, make in _sources(world).items():
        manifest["sources"][name] = _write(make, name, getattr(world, name), world.seed, folder / name)
    for benchmark in BENCHMARKS:
        _write_benchmark(benchmark, world, folder / "benchmarks" / benchmark.name)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))


def rows(make: Callable, name: str, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Draw `count` rows of a source, in chunks that each have a random stream of their own."""
    stream = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "big")
    for start in range(0, count, _CHUNK):
        rng = np.random.default_rng([seed, stream, start])
        for _ in range(start, min(start + _CHUNK, count)):
            yield make(rng)


def _write_benchmark(benchmark: Benchmark, world: World, folder: Path) -> None:
    splits = {"test": world.benchmark_items, "shots": world.shot_pool}
    for split, count in splits.items():
        key = f"{benchmark.name}/{split}"

        def item(rng: np.random.Generator, key: str = key) -> dict[str, Any]:
            return {"item": f"{key}/{int(rng.integers(2**40)):x}", **benchmark.item(rng)}

        _write(item, key, count, world.seed, folder / split)
    about = {"name": benchmark.name, "task": benchmark.task, "stands_for": benchmark.stands_for}
    (folder / "benchmark.json").write_text(json.dumps(about))


def _write(make: Callable, name: str, count: int, seed: int, folder: Path) -> dict[str, Any]:
    from datasets import Dataset, Image, List

    data = list(rows(make, name, count, seed))
    columns = {key: [row[key] for row in data] for key in data[0]}
    digest = hashlib.blake2b(digest_size=8)
    for row in data:
        digest.update(repr(row).encode())
    dataset = Dataset.from_dict(columns)
    for key, kind in (("image", Image()), ("images", List(Image()))):
        if key in columns:
            dataset = dataset.cast_column(key, kind)
    dataset.save_to_disk(str(folder))
    return {"rows": count, "digest": digest.hexdigest()}
