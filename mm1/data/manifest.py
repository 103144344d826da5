"""Which files a source is made of: cheap enough for planning, so names and sizes stand for the contents."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Iterator


def manifest(pattern: str) -> str | None:
    """Digest over names and sizes of the files that a path or glob leads to, in folders too; None: no file."""
    found = sorted({file for place in glob.glob(pattern, recursive=True) for file in _files(place)})
    if not found:
        return None
    listed = json.dumps([[file, os.path.getsize(file)] for file in found])
    return hashlib.blake2b(listed.encode(), digest_size=8).hexdigest()


def _files(place: str) -> Iterator[str]:
    if os.path.isfile(place):
        yield place
    for folder, _, names in os.walk(place):
        yield from (os.path.join(folder, name) for name in names)
