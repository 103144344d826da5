"""WebDataset shards in img2dataset's layout (`key.jpg`, `key.txt`, `key.json`), by row number."""

from __future__ import annotations

import json
import tarfile
from functools import lru_cache, partial

import numpy as np

from mm1.data.document import Document, Picture
from mm1.data.readers.digest import fingerprint

_PICTURES = {"jpg", "jpeg", "png", "webp"}
_MEMBERS = ("picture", "txt", "json")


class ShardDocuments:
    """Image and caption pairs in uncompressed tar shards.

    The shards are walked once, headers only; a document is then read straight from its place in the file.
    Samples without an image are left out; the caption is `key.txt`, or else the `caption` of `key.json`.
    """

    def __init__(self, shards: list[str]) -> None:
        self.shards, self.digest = shards, fingerprint(shards)
        walks = [_walk(shard) for shard in shards]
        self._places = np.concatenate(walks)
        self._shard = np.repeat(np.arange(len(shards)), [len(walk) for walk in walks])
        self._open = lru_cache(maxsize=256)(partial(np.memmap, dtype=np.uint8, mode="r"))

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, row: int) -> Document:
        shard = self._open(self.shards[self._shard[row]])
        picture, text, about = (shard[start : start + size].tobytes() for start, size in self._places[row])
        facts = json.loads(about) if about else {}
        words = text.decode(errors="replace") if text else facts.get("caption") or ""
        return Document((Picture(picture), words), facts.get("group"))


def _walk(shard: str) -> np.ndarray:
    """Where each sample's image, text and JSON lie: (samples, 3, 2) start and size, size 0 for what is missing."""
    samples: dict[str, np.ndarray] = {}
    try:
        with tarfile.open(shard, "r:") as archive:
            for entry in archive:
                folder, _, name = entry.name.rpartition("/")
                key, _, ending = name.partition(".")
                member = "picture" if ending.lower() in _PICTURES else ending.lower()
                if entry.isfile() and member in _MEMBERS:
                    places = samples.setdefault(f"{folder}/{key}", np.zeros((3, 2), dtype=np.int64))
                    places[_MEMBERS.index(member)] = entry.offset_data, entry.size
    except tarfile.TarError as error:
        raise ValueError(f"{shard} is no uncompressed tar file: {error}") from None
    found = [places for places in samples.values() if places[0, 1]]
    return np.stack(found) if found else np.zeros((0, 3, 2), dtype=np.int64)
