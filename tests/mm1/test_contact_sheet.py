import pandas as pd
import pytest
from PIL import Image

from mm1.evaluation.benchmarks import read
from mm1.evaluation.contact_sheet import contact_sheet

GREEN, RED = (26, 127, 55), (180, 35, 24)


@pytest.fixture
def draw(world, tmp_path):
    def draw(score):
        rows = [
            {
                **row,
                "benchmark": b.name,
                "task": b.task,
                "shots": k,
                "prediction": "a red disc",
                "score": score,
            }
            for b in read(world / "benchmarks", 3)
            for row in b.test
            for k in (0, 4)
        ]
        contact_sheet(pd.DataFrame(rows), world / "benchmarks", tmp_path / "sheet.png")
        return Image.open(tmp_path / "sheet.png").convert("RGB")

    return draw


def colours(sheet, box):
    return {colour for _, colour in sheet.crop(box).getcolors(maxcolors=2**16)}


def test_every_cell_shows_a_picture_and_the_sheet_is_full(draw):
    sheet = draw(0.0)
    width, height = sheet.size[0] // 4, sheet.size[1] // 4
    for place in range(16):
        left, top = place % 4 * width + 8, place // 4 * height + 8
        assert len(colours(sheet, (left, top, left + 110, top + 110))) > 10


def test_right_answers_are_green_and_wrong_ones_red(draw):
    right, wrong = draw(10.0), draw(0.0)
    everything = (0, 0, *right.size)
    assert GREEN in colours(right, everything) and RED not in colours(right, everything)
    assert RED in colours(wrong, everything) and GREEN not in colours(wrong, everything)
