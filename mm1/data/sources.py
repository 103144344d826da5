"""Readers: documents on disk behind one shape, random access, images left encoded."""

from __future__ import annotations

import glob
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mm1.config import Source
from mm1.data.document import Document, Picture

if TYPE_CHECKING:
    from datasets import Dataset


class DocumentSource(Protocol):
    """Documents by row number. `digest` changes when the documents do."""

    digest: str

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> Document: ...


class TableDocuments:
    """Rows of a memory-mapped table, each turned into a document."""

    def __init__(
        self, table: Dataset, to_document: Callable[[Mapping[str, Any]], Document], digest: str
    ) -> None:
        self.table, self.to_document, self.digest = table, to_document, digest

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, row: int) -> Document:
        return self.to_document(self.table[row])


def open_source(source: Source) -> DocumentSource:
    """Open files of a field format. A path that matches nothing raises ValueError naming it."""
    files = sorted(glob.glob(source.path))
    if not files:
        raise ValueError(f"no file matches '{source.path}' ({source.format})")
    return _READERS[source.format](files)


def world_sources(folder: Path) -> dict[str, DocumentSource]:
    """The three sources of a micro world on disk."""
    digests = json.loads((folder / "manifest.json").read_text())["sources"]
    return {name: _arrow([str(folder / name)], digests[name]["digest"]) for name in digests}


def _arrow(files: list[str], digest: str | None = None) -> DocumentSource:
    from datasets import concatenate_datasets, load_from_disk

    table = concatenate_datasets([load_from_disk(file) for file in files])
    return _table(table, digest or _fingerprint(files))


def _load(builder: str) -> Callable[[list[str]], DocumentSource]:
    def read(files: list[str]) -> DocumentSource:
        from datasets import load_dataset

        kind = "parquet" if files[0].endswith(".parquet") else builder
        return _table(load_dataset(kind, data_files=files, split="train"), _fingerprint(files))

    return read


def _mmc4(files: list[str]) -> DocumentSource:
    from datasets import load_dataset

    folder = Path(files[0]).parent

    def to_document(row: Mapping[str, Any]) -> Document:
        parts: list[str | Picture] = []
        for place, text in enumerate(row["text_list"]):
            for image in row["image_info"]:
                if image["matched_text_index"] == place:
                    parts.append(Picture((folder / image["image_name"]).read_bytes()))
            parts.append(text)
        return Document(tuple(parts), row.get("group"))

    return TableDocuments(
        load_dataset("json", data_files=files, split="train"), to_document, _fingerprint(files)
    )


def _fingerprint(files: list[str]) -> str:
    """Names, sizes and times of the files: cheap, and different when somebody rewrites them."""
    import hashlib

    digest = hashlib.blake2b(digest_size=8)
    for file in files:
        stat = Path(file).stat()
        digest.update(f"{Path(file).name} {stat.st_size} {stat.st_mtime_ns}".encode())
    return digest.hexdigest()


def _table(table: Dataset, digest: str) -> DocumentSource:
    """Choose the row shape by the columns, and keep images encoded."""
    from datasets import Image, List

    columns = set(table.column_names)
    for name in columns & {"image", "jpg", "png", "webp"}:
        table = table.cast_column(name, Image(decode=False))
    if "images" in columns:
        return TableDocuments(table.cast_column("images", List(Image(decode=False))), _interleaved, digest)
    if picture := next((name for name in ("image", "jpg", "png", "webp") if name in columns), None):
        words = next((name for name in ("caption", "txt", "text") if name in columns), None)
        if words is None:
            raise ValueError(f"no caption, txt or text column beside '{picture}'; found {sorted(columns)}")
        return TableDocuments(table, lambda row: _pair(row, picture, words), digest)
    if "text" in columns:
        return TableDocuments(table, lambda row: Document((row["text"],), row.get("group")), digest)
    raise ValueError(f"no image, images or text column; found {sorted(columns)}")


def _pair(row: Mapping[str, Any], picture: str, words: str) -> Document:
    extra = row.get("json") or {}
    return Document((Picture(row[picture]["bytes"]), row[words]), row.get("group") or extra.get("group"))


def _interleaved(row: Mapping[str, Any]) -> Document:
    parts = []
    for image, text in zip(row["images"], row["texts"], strict=True):
        parts.append(text if image is None else Picture(image["bytes"]))
    return Document(tuple(parts), row.get("group"))


_READERS: dict[str, Callable[[list[str]], DocumentSource]] = {
    "arrow": _arrow,
    "webdataset": _load("webdataset"),
    "parquet-captions": _load("parquet"),
    "obelics": _load("parquet"),
    "mmc4": _mmc4,
    "jsonl": _load("json"),
}
