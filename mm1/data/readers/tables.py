"""Arrow, Parquet and JSONL through `datasets`: memory-mapped rows; the columns say which kind of document they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm1.data.document import Document, Picture
from mm1.data.readers.digest import fingerprint

if TYPE_CHECKING:
    from datasets import Dataset

_PICTURE = ("image", "jpg", "png", "webp")
_WORDS = ("caption", "txt", "text")
_ARROW_ENDS = b"\xff\xff\xff\xff\0\0\0\0"


class TableDocuments:
    """Rows of a memory-mapped table, each turned into a document; images stay as they lie in the table."""

    def __init__(
        self, table: Dataset, to_document: Callable[[Mapping[str, Any]], Document], digest: str
    ) -> None:
        self.table, self.to_document, self.digest = table.with_format("arrow"), to_document, digest

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, row: int) -> Document:
        return self.to_document(self.table[row].to_pylist()[0])


def read_arrow(folders: list[str], digest: str | None = None) -> TableDocuments:
    """Folders written by `save_to_disk`. `digest` is that of a manifest, where there is one.

    Raises:
        ValueError: a file is cut short, which Arrow itself does not always see: it may end where a batch does.
    """
    from datasets import concatenate_datasets, load_from_disk

    for file in (file for folder in folders for file in sorted(Path(folder).glob("*.arrow"))):
        if not _is_whole(file):
            raise ValueError(f"{file} is cut short, after {file.stat().st_size} bytes")
    table = concatenate_datasets([load_from_disk(folder) for folder in folders])
    return documents(
        table, digest or fingerprint(sorted(f for d in folders for f in Path(d).glob("*.arrow")))
    )


def _is_whole(file: Path) -> bool:
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - len(_ARROW_ENDS)))
        return stream.read() == _ARROW_ENDS


def read_parquet(files: list[str]) -> TableDocuments:
    """Parquet of captions, interleaved documents (OBELICS) or text."""
    return documents(_load("parquet", files), fingerprint(files))


def read_jsonl(files: list[str]) -> TableDocuments:
    """JSONL with a `text` field, or Parquet with such a column."""
    if files[0].endswith(".parquet"):
        return read_parquet(files)
    return documents(_load("json", files), fingerprint(files))


def documents(table: Dataset, digest: str) -> TableDocuments:
    """Choose the kind of document by the columns; columns of no known kind raise ValueError."""
    columns = table.column_names
    picture = next((name for name in _PICTURE if name in columns), None)
    words = next((name for name in _WORDS if name in columns), None)
    group = [name for name in ("group",) if name in columns]
    if {"images", "texts"} <= set(columns):
        return TableDocuments(table.select_columns(["images", "texts", *group]), _interleaved, digest)
    if picture and words:
        table = table.select_columns([picture, words, *group])
        return TableDocuments(table, lambda row: _caption(row, picture, words), digest)
    if "text" in columns:
        table = table.select_columns(["text", *group])
        return TableDocuments(table, lambda row: Document((row["text"] or "",), row.get("group")), digest)
    raise ValueError(
        f"columns {', '.join(sorted(columns))} are no documents; known: image + caption, images + texts, text"
    )


def _load(builder: str, files: list[str]) -> Dataset:
    from datasets import load_dataset

    return load_dataset(builder, data_files=files, split="train")


def _caption(row: Mapping[str, Any], picture: str, words: str) -> Document:
    return Document((Picture(_bytes(row[picture])), row[words] or ""), row.get("group"))


def _interleaved(row: Mapping[str, Any]) -> Document:
    places = zip(row["images"], row["texts"], strict=True)
    parts = tuple(Picture(_bytes(image)) if image else text for image, text in places if image or text)
    return Document(parts, row.get("group"))


def _bytes(image: Mapping[str, Any] | bytes | str | None) -> bytes:
    """The encoded image out of bytes, a path, or a struct of both; empty where it is missing, as if damaged."""
    if isinstance(image, Mapping):
        image = image["bytes"] or image["path"]
    if isinstance(image, str):
        image = Path(image).read_bytes() if Path(image).is_file() else None
    return image or b""
