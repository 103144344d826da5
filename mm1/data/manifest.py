"""Which files a source is made of, and what is in them."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

_SETTLED = 2_000_000_000
"""Nanoseconds; a file changed less long ago may change again without another time stamp."""

Known = dict[str, list[int | str]]
"""File -> size, when it and its entry were last changed, digest of its bytes."""


def manifest(pattern: str) -> str | None:
    """Digest over names and contents of the files that a path or glob leads to, in folders too; None: no file.

    Every byte is read: a second or two per GB, more where the disk is slower. A file is read again only once its
    size or time stamps change, for what is known is kept in the user's cache folder.
    """
    found = sorted({file for place in glob.glob(pattern, recursive=True) for file in _files(place)})
    if not found:
        return None
    known = _load()
    before = dict(known)
    try:
        listed = json.dumps([[file, _digest(file, known)] for file in found])
    finally:  # whoever is interrupted does not begin anew
        if known != before:
            _save(known)
    return hashlib.blake2b(listed.encode(), digest_size=8).hexdigest()


def _files(place: str) -> Iterator[str]:
    if os.path.isfile(place):
        yield place
    for folder, _, names in os.walk(place):
        yield from (os.path.join(folder, name) for name in names)


def _digest(file: str, known: Known) -> str:
    """Digest of a file's bytes, noted in `known`."""
    name, about = os.path.abspath(file), os.stat(file)
    # A copy may bring its old time of modification with it (rsync -t); the entry's own time tells.
    stamps = [about.st_size, about.st_mtime_ns, about.st_ctime_ns]
    if name in known and known[name][:-1] == stamps:
        return str(known[name][-1])
    with open(file, "rb") as stream:
        digest = hashlib.file_digest(stream, partial(hashlib.blake2b, digest_size=16)).hexdigest()
    if time.time_ns() - about.st_ctime_ns > _SETTLED:
        known[name] = [*stamps, digest]
    return digest


def _cache() -> Path:
    """Where digests are kept; `XDG_CACHE_HOME` moves it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ablate" / "digests.json"


def _load() -> Known:
    with suppress(OSError, ValueError):
        return json.loads(_cache().read_text())
    return {}


def _save(known: Known) -> None:
    """Written beside its place and renamed; where nothing can be written, files are read again."""
    place = _cache()
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(known))
        draft.replace(place)
