"""Write a world in the formats that the field uses, so that a run can start from files like anybody's."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from mm1.data.document import Document, Picture
from mm1.data.sources import DocumentSource, world_sources

_SHARD = 4000


def export_world(world: Path, out: Path, rows: int | None = None) -> list[Path]:
    """Captions as WebDataset (img2dataset layout), interleaved as OBELICS-style Parquet, text as JSONL, benchmarks.

    Returns:
        What was written; the last is `res.yaml`, a sweep that trains on these files.
    """
    sources = world_sources(world)
    out.mkdir(parents=True, exist_ok=True)
    written = _webdataset(_first(sources["captions"], rows), out / "captions")
    written.append(_obelics(_first(sources["interleaved"], rows), out / "interleaved" / "00000.parquet"))
    written.append(_jsonl(_first(sources["text"], rows), out / "text" / "00000.jsonl"))
    shutil.copytree(world / "benchmarks", out / "benchmarks", dirs_exist_ok=True)
    sweep = out / "res.yaml"
    sweep.write_text(_sweep(out.absolute()))
    return [*written, out / "benchmarks", sweep]


def _first(source: DocumentSource, rows: int | None) -> Iterable[Document]:
    return (source[row] for row in range(min(rows or len(source), len(source))))


def _webdataset(documents: Iterable[Document], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    shards: list[Path] = []
    for number, shard in enumerate(batched(documents, _SHARD)):
        shards.append(folder / f"{number:05d}.tar")
        with tarfile.open(shards[-1], "w") as archive:
            for place, document in enumerate(shard):
                _add_pair(archive, f"{number * _SHARD + place:09d}", document)
    return shards


def _add_pair(archive: tarfile.TarFile, key: str, document: Document) -> None:
    words = " ".join(part for part in document.parts if isinstance(part, str))
    about = json.dumps({"caption": words, "group": document.group, "key": key})
    entries = (("png", document.pictures[0]), ("txt", words.encode()), ("json", about.encode()))
    for ending, data in entries:
        entry = tarfile.TarInfo(f"{key}.{ending}")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))


def batched(documents: Iterable[Document], size: int) -> Iterator[list[Document]]:
    """Lists of `size` documents, the last one shorter."""
    stream = iter(documents)
    while some := list(islice(stream, size)):
        yield some


def _obelics(documents: Iterable[Document], path: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns: dict[str, list] = {"images": [], "texts": [], "group": []}
    for document in documents:
        parts = document.parts
        columns["images"].append(
            [{"bytes": p.data, "path": None} if isinstance(p, Picture) else None for p in parts]
        )
        columns["texts"].append([None if isinstance(part, Picture) else part for part in parts])
        columns["group"].append(document.group)
    schema = pa.schema(
        [("images", pa.list_(picture)), ("texts", pa.list_(pa.string())), ("group", pa.string())]
    )
    pq.write_table(pa.table(columns, schema=schema), path, row_group_size=500)
    return path


def _jsonl(documents: Iterable[Document], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        for document in documents:
            file.write(json.dumps({"text": document.text, "group": document.group}) + "\n")
    return path


def _sweep(out: Path) -> str:
    return f"""# Trains on the exported files instead of the micro world's own Arrow files.
study: encoder-resolution
scale: micro
seeds: 0-2
axes:
  encoder.resolution: [16, 24, 32, 48]
set:
  data.world: null
  data.benchmarks: {out}/benchmarks
  data.sources:
    captions: {{format: webdataset, path: "{out}/captions/*.tar"}}
    interleaved: {{format: obelics, path: "{out}/interleaved/*.parquet"}}
    text: {{format: jsonl, path: "{out}/text/*.jsonl"}}
"""
