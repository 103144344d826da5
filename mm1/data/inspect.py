"""Look into a source: counts, lengths, authors, a contact sheet, one document in full."""

from __future__ import annotations

import statistics
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from mm1.data.document import Document, Picture
from mm1.data.images import CorruptImage, decode
from mm1.data.sources import DocumentSource

_SAMPLE = 1000
_COLUMNS, _ROWS, _SIDE, _WORDS, _GAP = 5, 4, 144, 64, 8


def inspect_source(source: DocumentSource, out: Path) -> str:
    """A text for the terminal; the first images with the words after them go to `out` as a PNG."""
    documents = [source[row] for row in range(min(_SAMPLE, len(source)))]
    words = [len(document.text.split()) for document in documents]
    pictures = [picture for document in documents for picture in document.pictures]
    groups = Counter(document.group or "unknown" for document in documents)
    lines = [
        f"documents   {len(source)} (digest {source.digest})",
        f"looked at   the first {len(documents)}: {len(pictures)} images, {_unreadable(pictures)} of them unreadable",
        f"words       median {statistics.median(words):g}, shortest {min(words)}, longest {max(words)}",
        f"groups      {', '.join(f'{name}: {count}' for name, count in groups.most_common(8))}",
    ]
    if pictures:
        contact_sheet(documents, out)
        lines.append(f"pictures    {out}")
    return "\n".join([*lines, "", "document 0:", *textwrap.wrap(documents[0].text, 100)])


def contact_sheet(documents: Iterable[Document], out: Path) -> None:
    """The first pictures in a grid, each with the text that follows it; a crossed box is one that cannot be read."""
    width, height = _SIDE + _GAP, _SIDE + _WORDS + _GAP
    sheet = Image.new("RGB", (_COLUMNS * width, _ROWS * height), "white")
    canvas, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    pairs = (pair for document in documents for pair in _captioned(document))
    for place, (data, words) in zip(range(_COLUMNS * _ROWS), pairs, strict=False):
        x, y = place % _COLUMNS * width + _GAP // 2, place // _COLUMNS * height + _GAP // 2
        sheet.paste(_tile(data), (x, y))
        lines = textwrap.wrap(words, 26, max_lines=4, placeholder=" ...")
        canvas.multiline_text((x, y + _SIDE + 2), "\n".join(lines), "#222222", font, spacing=2)
    sheet.save(out)


def _unreadable(pictures: list[bytes]) -> int:
    return sum(_readable(picture) is None for picture in pictures)


def _readable(data: bytes) -> Image.Image | None:
    try:
        return Image.fromarray(decode(data, _SIDE).transpose(1, 2, 0))
    except CorruptImage:
        return None


def _tile(data: bytes) -> Image.Image:
    if tile := _readable(data):
        return tile
    tile = Image.new("RGB", (_SIDE, _SIDE), "#dddddd")
    ImageDraw.Draw(tile).line([(0, 0), (_SIDE, _SIDE)], "#b00020", 3)
    ImageDraw.Draw(tile).line([(0, _SIDE), (_SIDE, 0)], "#b00020", 3)
    return tile


def _captioned(document: Document) -> Iterator[tuple[bytes, str]]:
    for place, part in enumerate(document.parts):
        if isinstance(part, Picture):
            after = document.parts[place + 1] if place + 1 < len(document.parts) else ""
            yield part.data, after if isinstance(after, str) else ""
