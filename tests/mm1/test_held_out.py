"""What the held-out loss of files is measured on: documents that are not trained on, from all over them."""

from __future__ import annotations

from mm1.cell import run
from mm1.config import Experiment
from mm1.data.held_out import split
from mm1.data.sources import world_sources


def test_no_document_is_on_both_sides_and_none_is_lost(world):
    documents = world_sources(world)["captions"]
    training, apart = split(documents)
    assert len(apart) == len(documents) // 50 > 3
    rows = [training.source[i].text for i in range(len(documents))]
    kept = [apart[i].text for i in range(len(apart))]
    left = [training[i].text for i in range(len(training))]
    assert kept == rows[49::50]
    assert left == [text for place, text in enumerate(rows) if place % 50 != 49]


def test_most_of_many_documents_are_trained_on():
    class Many(list):
        digest = "many"

    training, apart = split(Many(range(1_000_000)))
    assert (len(training), len(apart)) == (999_000, 1000)
    assert (apart[0], apart[999], training[-0], training[998_999]) == (999, 999_999, 0, 999_998)


def test_nothing_is_kept_of_a_few(world):
    class Few(list):
        digest = "few"

    training, apart = split(Few(range(49)))
    assert (len(training), len(apart), training[48]) == (49, 0, 48)


def test_a_cell_on_files_has_a_held_out_loss(world, tmp_path):
    files = {
        "data": {
            "world": None,
            "mix": {"captions": 1},
            "sources": {"captions": {"format": "arrow", "path": str(world / "captions")}},
            "benchmarks": str(world / "benchmarks"),
        },
        "training": {"steps": 9, "sequences": 2, "sequence_length": 128, "warmup": 1},
        "encoder": {"resolution": 16, "width": 32, "depth": 1, "heads": 2},
        "connector": {"tokens": 4},
        "language": {"width": 32, "depth": 1, "heads": 2},
    }
    seen = []

    def report(phase, step, total, **more):
        seen.extend([step] if "held_out/loss" in (more.get("metrics") or {}) else [])

    found = run(Experiment(**files), tmp_path, tmp_path, {}, report)
    assert 2 < found.metrics["final/held_out_loss"] < 20
    assert len(seen) >= 8
    assert found.datasets[0]["rows"] == len(split(world_sources(world)["captions"])[0])
