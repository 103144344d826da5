"""The whole report from a real store: complete, self-contained, consistent, and the same bytes every time."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from ablations.errors import UserError
from reports.build import as_json, build
from reports.terminal import print_results


@pytest.fixture(scope="module")
def report(store: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    for path in build(["demo"], out, store):
        assert path.stat().st_size > 0
    return out


def test_two_builds_are_the_same_bytes(report: Path, store: str, tmp_path: Path) -> None:
    again = {path.relative_to(tmp_path): path.read_bytes() for path in build(None, tmp_path, store)}
    first = {path.relative_to(report): path.read_bytes() for path in report.rglob("*") if path.is_file()}
    assert again.keys() == first.keys()
    assert [str(path) for path in first if first[path] != again[path]] == []


def test_json_leaves_out_the_digits_that_differ_from_processor_to_processor(report: Path) -> None:
    floats: list[float] = []
    json.loads((report / "results.json").read_text(), parse_float=lambda text: floats.append(float(text)))
    assert len(floats) > 100
    assert [value for value in floats if value != float(f"{value:.9g}")] == []


def test_the_page_has_the_numbers_of_the_json(report: Path) -> None:
    data = json.loads((report / "results.json").read_text())["studies"][0]
    page = re.sub(r"<[^>]+>", "", (report / "index.html").read_text())
    assert len(data["settings"]) == 4
    for setting in data["settings"]:
        for score in setting["scores"].values():
            assert f"{score['mean']:.1f} ± {score['half']:.1f}" in page


def test_the_papers_rows_stand_beside_ours(report: Path) -> None:
    for path in ("demo/lesson.md", "demo/lesson.tex", "demo/lesson.csv", "index.html"):
        text = (report / path).read_text()
        assert "2403.09611" in text and "39.9" in text, path
    assert "+3.0 to +3.4" in (report / "demo/claims.md").read_text()


def test_json_has_every_claim_with_its_numbers(store: str) -> None:
    study = as_json(["demo"], store)["studies"][0]
    text = json.dumps(study, allow_nan=False)
    assert len(study["claims"]) == 5 and text
    for claim in study["claims"]:
        assert claim["verdict"] == "reproduced"
        assert claim["low"] < claim["estimate"] < claim["high"]
        assert claim["n_seeds"] == 3 and claim["n_items"] in (25, 50, 75)
        assert any("patches differ" in caveat for caveat in claim["caveats"])


def test_the_page_fetches_nothing(report: Path) -> None:
    page = (report / "index.html").read_text()
    assert not re.search(r"src=[\"'](?!data:)", page)
    links = re.findall(r"href=[\"']([^#][^\"']*)", page)
    assert len(links) == 12 and all(link.startswith("http://127.0.0.1:5000/#/runs/") for link in links)
    assert "@import" not in page and "url(" not in page and "<script" not in page
    assert page.count("data:image/svg+xml") == 3
    assert str(report) not in page


def test_figures_are_real_pictures(report: Path) -> None:
    for name in ("scores", "benchmarks", "loss"):
        with Image.open(report / f"demo/{name}.png") as picture:
            assert picture.width > 500 and len(picture.convert("L").getcolors()) > 20
        svg = (report / f"demo/{name}.svg").read_text()
        assert svg.rstrip().endswith("</svg>") and "<dc:date>" not in svg


def test_terminal_fits_80_columns_and_a_pipe(store: str) -> None:
    stream = io.StringIO()
    print_results("demo", store, Console(file=stream, width=80))
    text = stream.getvalue()
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(r"16 +\d+\.\d ± \d+\.\d +\d+\.\d ± \d+\.\d", text)
    assert text.count("✓ reproduced") == 5
    assert "…" not in text


def test_one_seed_is_shown_without_intervals_and_decides_nothing(fresh, tmp_path: Path) -> None:
    uri = fresh({"name": "one", "seeds": [0]})
    build(["demo"], tmp_path / "out", uri)
    stream = io.StringIO()
    print_results("demo", uri, Console(file=stream, width=80))
    assert "reproduced" not in stream.getvalue() and "nan" not in stream.getvalue()
    table = (tmp_path / "out/demo/lesson.md").read_text()
    assert "nan" not in table and "nan" not in (tmp_path / "out/demo/claims.csv").read_text()
    assert {claim["verdict"] for claim in as_json(["demo"], uri)["studies"][0]["claims"]} == {"inconclusive"}


def test_an_empty_store_is_a_user_error_and_stays_absent(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no runs in"):
        build(None, tmp_path / "out", f"sqlite:///{tmp_path}/mlflow.db")
    assert list(tmp_path.iterdir()) == []
