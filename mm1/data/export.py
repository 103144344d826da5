"""Write a world in the formats that the field uses, so that a run can start from files like anybody's."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mm1.data.document import Document, Picture
from mm1.data.sources import DocumentSource, world_sources

_SHARD = 4000
_PICTURE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
_CAPTIONS = pa.schema({"image": _PICTURE, "caption": pa.string(), "group": pa.string()})
_INTERLEAVED = pa.schema({"images": pa.list_(_PICTURE), "texts": pa.list_(pa.string()), "group": pa.string()})


def export_world(world: Path, out: Path, rows: int | None = None) -> list[Path]:
    """Captions as WebDataset (img2dataset's layout) and Parquet, interleaved as OBELICS-style Parquet, text as JSONL,
    and the benchmarks as they are. Images keep their bytes, documents their order.

    Args:
        rows: documents of each source; all of them by default.

    Returns:
        What was written; the last is `res.yaml`, a sweep that trains on these files.

    Raises:
        FileExistsError: `out` holds something already.
    """
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty")
    sources = {name: _Head(source, rows) for name, source in world_sources(world).items()}
    for name in sources:
        (out / name).mkdir(parents=True)
    written = _webdataset(sources["captions"], out / "captions")
    written += [
        _captions(sources["captions"], out / "captions" / "00000.parquet"),
        _obelics(sources["interleaved"], out / "interleaved" / "00000.parquet"),
        _jsonl(sources["text"], out / "text" / "00000.jsonl"),
        Path(shutil.copytree(world / "benchmarks", out / "benchmarks")),
    ]
    sweep = out / "res.yaml"
    sweep.write_text(_sweep(out.absolute()))
    return [*written, sweep]


class _Head:
    """The first `rows` documents of a source."""

    def __init__(self, source: DocumentSource, rows: int | None) -> None:
        self.source, self.rows = source, min(rows or len(source), len(source))

    def __iter__(self) -> Iterator[Document]:
        return (self.source[row] for row in range(self.rows))


def _webdataset(documents: _Head, folder: Path) -> list[Path]:
    stream = enumerate(documents)
    shards = [folder / f"{shard:05d}.tar" for shard in range(-(-documents.rows // _SHARD))]
    for shard in shards:
        with tarfile.open(shard, "w") as archive:
            for row, document in islice(stream, _SHARD):
                _add_sample(archive, f"{row:09d}", document)
    return shards


def _add_sample(archive: tarfile.TarFile, key: str, document: Document) -> None:
    picture, words = _pair(document)
    about = json.dumps({"caption": words, "group": document.group, "key": key})
    for ending, data in (("png", picture), ("txt", words.encode()), ("json", about.encode())):
        entry = tarfile.TarInfo(f"{key}.{ending}")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))


def _pair(document: Document) -> tuple[bytes, str]:
    return document.pictures[0], " ".join(part for part in document.parts if isinstance(part, str))


def _captions(documents: _Head, path: Path) -> Path:
    rows = []
    for document in documents:
        picture, words = _pair(document)
        image = {"bytes": picture, "path": None}
        rows.append({"image": image, "caption": words, "group": document.group})
    return _parquet(rows, _CAPTIONS, path)


def _obelics(documents: _Head, path: Path) -> Path:
    rows = []
    for document in documents:
        images = [{"bytes": p.data, "path": None} if isinstance(p, Picture) else None for p in document.parts]
        texts = [None if isinstance(part, Picture) else part for part in document.parts]
        rows.append({"images": images, "texts": texts, "group": document.group})
    return _parquet(rows, _INTERLEAVED, path)


def _parquet(rows: list[dict], schema: pa.Schema, path: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, row_group_size=500)
    return path


def _jsonl(documents: _Head, path: Path) -> Path:
    with path.open("w") as file:
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
    # the same captions as Parquet: {{format: parquet-captions, path: "{out}/captions/*.parquet"}}
    captions: {{format: webdataset, path: "{out}/captions/*.tar"}}
    interleaved: {{format: obelics, path: "{out}/interleaved/*.parquet"}}
    text: {{format: jsonl, path: "{out}/text/*.jsonl"}}
"""
