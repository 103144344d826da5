"""Documents on disk behind one shape: random access, images left encoded."""

from __future__ import annotations

import glob
import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from mm1.config import Source
from mm1.data.document import Document
from mm1.data.readers.mmc4 import read_mmc4
from mm1.data.readers.tables import read_arrow, read_jsonl, read_parquet
from mm1.data.readers.webdataset import ShardDocuments


class DocumentSource(Protocol):
    """Documents by row number. `digest` changes when the documents do."""

    digest: str

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> Document: ...


_READERS: dict[str, Callable[[list[str]], DocumentSource]] = {
    "arrow": read_arrow,
    "webdataset": ShardDocuments,
    "parquet-captions": read_parquet,
    "obelics": read_parquet,
    "mmc4": read_mmc4,
    "jsonl": read_jsonl,
}


def open_source(source: Source) -> DocumentSource:
    """Open files of a field format; `path` may hold a glob.

    Raises:
        ValueError: nothing matches the path, the files are not of the format, or they hold no document.
    """
    files = sorted(glob.glob(source.path, recursive=True))
    if not files:
        raise ValueError(f"no file matches '{source.path}' ({source.format})")
    read = _READERS[source.format]
    try:
        documents = read(files)
    except Exception as error:  # the libraries behind the readers raise what they like
        which, why = _culprit(read, files) or source.path, _first(error)
        raise ValueError(f"'{which}' cannot be read as {source.format}: {why}") from error
    if not len(documents):
        raise ValueError(f"no document in '{source.path}' ({source.format})")
    return documents


def world_sources(folder: Path) -> dict[str, DocumentSource]:
    """The three sources of a micro world on disk.

    Raises:
        ValueError: a file is cut short.
    """
    manifest = json.loads((folder / "manifest.json").read_text())["sources"]
    try:
        return {name: read_arrow([str(folder / name)], about["digest"]) for name, about in manifest.items()}
    except ValueError as error:
        raise ValueError(f"{error}; remove the folder {folder}, and the world is made again") from error


def _culprit(read: Callable[[list[str]], DocumentSource], files: list[str]) -> str | None:
    """The first file that cannot be read by itself: libraries that read many seldom say which it was."""
    for file in files:
        try:
            read([file])
        except Exception:
            return file
    return None


def _first(error: BaseException) -> BaseException:
    """What was raised first, behind what libraries made of it; a reader's own words (`from None`) stand."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return error if before is None else _first(before)
