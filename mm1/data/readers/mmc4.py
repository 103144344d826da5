"""MMC4: JSONL of sentences and the images that go before them; the image files lie beside the JSONL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm1.data.document import Document, Picture
from mm1.data.readers.digest import fingerprint
from mm1.data.readers.tables import TableDocuments

if TYPE_CHECKING:
    from datasets import Dataset

_COLUMNS = ("text_list", "image_info", "group")


def read_mmc4(files: list[str]) -> TableDocuments:
    """Documents of `text_list` and `image_info` (`image_name`, `matched_text_index`)."""
    from datasets import concatenate_datasets

    return TableDocuments(
        concatenate_datasets([_table(file) for file in files]), _document, fingerprint(files)
    )


def _table(file: str) -> Dataset:
    from datasets import load_dataset

    table = load_dataset("json", data_files=[file], split="train")
    if missing := {"text_list", "image_info"} - set(table.column_names):
        raise ValueError(f"{file} has no {' and no '.join(sorted(missing))}")
    table = table.select_columns([name for name in _COLUMNS if name in table.column_names])
    return table.add_column("folder", [str(Path(file).parent)] * len(table))


def _document(row: Mapping[str, Any]) -> Document:
    parts: list[str | Picture] = []
    for place, text in enumerate(row["text_list"]):
        for image in row["image_info"]:
            if image["matched_text_index"] == place:
                parts.append(Picture(_bytes(Path(row["folder"], image["image_name"] or ""))))
        parts.append(text)
    return Document(tuple(parts), row.get("group"))


def _bytes(file: Path) -> bytes:
    return file.read_bytes() if file.is_file() else b""
