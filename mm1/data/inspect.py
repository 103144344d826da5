"""Look into a source: counts, lengths, authors, a contact sheet, one document in full."""

from __future__ import annotations

import io
import statistics
import textwrap
from collections import Counter
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from mm1.data.document import Document, Picture
from mm1.data.sources import DocumentSource

_SAMPLE = 1000
_COLUMNS, _ROWS, _SIDE, _WORDS = 5, 4, 144, 60


def inspect_source(source: DocumentSource, out: Path) -> str:
    """A text for the terminal; the first images with the words after them go to `out` as a PNG."""
    documents = [source[row] for row in range(min(_SAMPLE, len(source)))]
    words = [len(document.text.split()) for document in documents]
    pictures = sum(len(document.pictures) for document in documents)
    groups = Counter(document.group for document in documents)
    lines = [
        f"documents   {len(source)} (digest {source.digest})",
        f"looked at   the first {len(documents)}: {pictures} images",
        f"words       median {statistics.median(words):g}, shortest {min(words)}, longest {max(words)}",
        f"authors     {', '.join(f'{name}: {count}' for name, count in groups.most_common(8))}",
    ]
    if pictures:
        contact_sheet(documents, out)
        lines.append(f"pictures    {out}")
    return "\n".join([*lines, "", "document 0:", *textwrap.wrap(documents[0].text, 100)])


def contact_sheet(documents: list[Document], out: Path) -> None:
    """The first pictures in a grid, each with the text that follows it."""
    pairs = [pair for document in documents for pair in _captioned(document)][: _COLUMNS * _ROWS]
    height = _SIDE + _WORDS
    sheet = Image.new("RGB", (_COLUMNS * (_SIDE + 8), _ROWS * (height + 8)), "white")
    canvas, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for place, (data, words) in enumerate(pairs):
        x, y = place % _COLUMNS * (_SIDE + 8) + 4, place // _COLUMNS * (height + 8) + 4
        picture = Image.open(io.BytesIO(data)).convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
        sheet.paste(picture, (x, y))
        for line, text in enumerate(textwrap.wrap(words, 25)[:4]):
            canvas.text((x, y + _SIDE + 2 + 13 * line), text, "#222222", font)
    sheet.save(out)


def _captioned(document: Document) -> list[tuple[bytes, str]]:
    found = []
    for place, part in enumerate(document.parts):
        if isinstance(part, Picture):
            after = document.parts[place + 1] if place + 1 < len(document.parts) else ""
            found.append((part.data, after if isinstance(after, str) else ""))
    return found
