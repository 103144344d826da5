"""A picture of what the model said: sixteen examples with question, answer and score."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image, ImageDraw, ImageFont

_COLUMNS, _ROWS = 4, 4
_CELL, _PICTURE, _LINES = (300, 166), 110, 10
_PLAIN, _RIGHT, _WRONG = "#333333", "#1a7f37", "#b42318"
_GOOD = {"caption": 5.0, "vqa": 0.5}  # half of the best score there is


def contact_sheet(predictions: pd.DataFrame, benchmarks: Path, out: Path) -> None:
    """Two examples of each visual benchmark at the largest number of shots, as one PNG."""
    visual = predictions[
        (predictions["task"] != "choice") & (predictions["shots"] == predictions["shots"].max())
    ]
    chosen = visual.groupby("benchmark").head(2).head(_COLUMNS * _ROWS)
    pictures = _pictures(chosen, benchmarks)
    sheet = Image.new("RGB", (_COLUMNS * _CELL[0], _ROWS * _CELL[1]), "white")
    for place, row in enumerate(chosen.to_dict("records")):
        corner = (place % _COLUMNS * _CELL[0] + 8, place // _COLUMNS * _CELL[1] + 8)
        _paint(sheet, corner, pictures[row["item"]], row)
    sheet.save(out)


def _pictures(rows: pd.DataFrame, benchmarks: Path) -> dict[str, Image.Image]:
    from datasets import Image as Column
    from datasets import load_from_disk

    found = {}
    for name, items in rows.groupby("benchmark")["item"]:
        table = load_from_disk(str(benchmarks / name / "test")).cast_column("image", Column(decode=False))
        wanted = set(items)
        for place, item in enumerate(table["item"]):
            if item in wanted:
                found[item] = Image.open(io.BytesIO(table[place]["image"]["bytes"])).convert("RGB")
    return found


def _paint(sheet: Image.Image, corner: tuple[int, int], picture: Image.Image, row: dict[str, Any]) -> None:
    canvas, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    left, top = corner
    verdict = _RIGHT if row["score"] >= _GOOD[row["task"]] else _WRONG
    sheet.paste(picture.resize((_PICTURE, _PICTURE), Image.Resampling.NEAREST), corner)
    canvas.text((left, top + _PICTURE + 4), f"score {row['score']:.2f}", verdict, font)
    lines = [(line, _PLAIN) for line in [f"{row['benchmark']}, {row['shots']}-shot", *_wrap(row["question"])]]
    lines += [(line, verdict) for line in ["said:", *_wrap(row["prediction"] or "(nothing)")]]
    lines += [(line, _PLAIN) for line in ["truth:", *_wrap(row["answers"][0])]]
    for place, (line, colour) in enumerate(lines[:_LINES]):
        canvas.text((left + _PICTURE + 8, top + 15 * place), line, colour, font)


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, 28)
