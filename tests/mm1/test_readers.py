"""What lies around in field formats: variants, gaps and damage; and training from exported files."""

import io
import json
import tarfile

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from PIL import Image

from mm1.config import Source
from mm1.data.export import export_world
from mm1.data.inspect import inspect_source
from mm1.data.loader import PackedBatches
from mm1.data.sources import open_source, world_sources


@pytest.fixture(scope="module")
def exported(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("exported")
    export_world(world, out)
    return out


def encoded(colour="red", kind="PNG", size=(8, 6)):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()


def shard(path, entries, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, data in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return Source(format="webdataset", path=str(path))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def test_captions_are_exported_as_parquet_too(world, exported):
    source = open_source(Source(format="parquet-captions", path=str(exported / "captions/*.parquet")))
    original = world_sources(world)["captions"]
    assert [source[row] for row in range(len(source))] == [original[row] for row in range(len(original))]


def test_the_exported_sweep_trains_on_the_same_batches(world, exported, tokenizer):
    sweep = yaml.safe_load((exported / "res.yaml").read_text())
    files = {name: open_source(Source(**source)) for name, source in sweep["set"]["data.sources"].items()}
    mix = {"captions": 45, "interleaved": 45, "text": 10}
    settings = {"image_tokens": 4, "resolution": 16, "sequences": 8, "length": 128, "seed": 0}
    ours = PackedBatches(world_sources(world), mix, tokenizer, **settings)
    theirs = PackedBatches(files, mix, tokenizer, **settings)
    for _ in range(4):
        a, b = ours.batch(), theirs.batch()
        assert all(torch.equal(a[name], b[name]) for name in a)


def test_two_exports_never_mix(world, exported):
    with pytest.raises(FileExistsError):
        export_world(world, exported, rows=10)


def test_webdataset_mixes_endings_takes_captions_from_json_and_leaves_out_failed_samples(tmp_path):
    jpeg = encoded(kind="JPEG")
    source = open_source(
        shard(
            tmp_path / "00000.tar",
            {
                "part/000.jpg": jpeg,
                "part/000.json": json.dumps({"caption": "from json", "exif": {"a": 1}}).encode(),
                "part/001.json": b'{"caption": "its download failed"}',
                "part/002.txt": b"from txt",
                "part/002.png": encoded(),
            },
        )
    )
    assert [source[row].text for row in range(len(source))] == ["<image> from json", "<image> from txt"]
    assert source[0].pictures == [jpeg]


def test_a_compressed_shard_is_refused(tmp_path):
    source = shard(tmp_path / "00000.tar.gz", {"0.png": encoded(), "0.txt": b"red"}, "w:gz")
    with pytest.raises(ValueError, match=r"00000.tar.gz is no uncompressed tar"):
        open_source(source)


@pytest.mark.parametrize("struct", [False, True])
def test_obelics_images_may_be_bytes_or_structs_and_may_be_missing(tmp_path, struct):
    red = encoded()
    image = {"bytes": red, "path": None} if struct else red
    rows = {"images": [[None, image, None]], "texts": [["before", None, "after"]]}
    pq.write_table(pa.table(rows), tmp_path / "a.parquet")
    document = open_source(Source(format="obelics", path=str(tmp_path / "*.parquet")))[0]
    assert document.text == "before <image> after"
    assert document.pictures == [red]


def test_parquet_images_may_be_files_beside_it(tmp_path):
    (tmp_path / "red.png").write_bytes(encoded())
    images = [{"bytes": None, "path": str(tmp_path / "red.png")}, {"bytes": None, "path": "gone.png"}]
    pq.write_table(pa.table({"image": images, "caption": ["red", "gone"]}), tmp_path / "a.parquet")
    source = open_source(Source(format="parquet-captions", path=str(tmp_path / "a.parquet")))
    assert [source[row].pictures for row in range(2)] == [[encoded()], [b""]]


def test_mmc4_puts_images_before_their_sentence_and_finds_them_beside_each_file(tmp_path):
    for folder, colour in (("a", "red"), ("b", "blue")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "0.png").write_bytes(encoded(colour))
        page = {
            "text_list": ["one", "two"],
            "image_info": [
                {"image_name": "0.png", "matched_text_index": 1, "matched_sim": 0.3},
                {"image_name": "gone.png", "matched_text_index": 1, "matched_sim": 0.2},
            ],
            "similarity_matrix": [[0.1, 0.3]],
        }
        (tmp_path / folder / "docs.jsonl").write_text(json.dumps(page) + "\n")
    source = open_source(Source(format="mmc4", path=str(tmp_path / "*" / "docs.jsonl")))
    assert [source[row].pictures for row in range(2)] == [[encoded("red"), b""], [encoded("blue"), b""]]
    assert source[0].text == "one <image> <image> two"


def test_text_may_be_parquet_and_keeps_no_image_marks(tmp_path):
    pq.write_table(pa.table({"text": ["an <image> mark", None]}), tmp_path / "a.parquet")
    source = open_source(Source(format="jsonl", path=str(tmp_path / "a.parquet")))
    assert [source[row].text.split() for row in range(2)] == [["an", "mark"], []]


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ValueError, match="no document in"):
        open_source(shard(tmp_path / "empty.tar", {}))
    (tmp_path / "a.jsonl").write_text("{no json")
    for format in ("arrow", "jsonl", "mmc4", "obelics"):
        with pytest.raises(ValueError, match=f"a.jsonl' cannot be read as {format}"):
            open_source(Source(format=format, path=str(tmp_path / "a.jsonl")))


def test_a_digest_follows_the_content_and_not_the_place(tmp_path):
    sources = []
    for folder, colour in (("a", "red"), ("b", "red"), ("c", "blue")):
        (tmp_path / folder).mkdir()
        sources.append(
            open_source(shard(tmp_path / folder / "0.tar", {"0.png": encoded(colour), "0.txt": b"x"}))
        )
    assert sources[0].digest == sources[1].digest != sources[2].digest


def test_inspect_shows_counts_and_pictures_and_survives_damage(tmp_path):
    source = open_source(
        shard(
            tmp_path / "0.tar",
            {
                "0.png": encoded(),
                "0.txt": b"red",
                "1.png": encoded()[:30],
                "1.txt": b"damaged",
                "1.json": b"{}",
            },
        )
    )
    told = inspect_source(source, tmp_path / "sheet.png")
    assert "documents   2" in told
    assert "2 images, 1 of them unreadable" in told
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert (sheet == (255, 0, 0)).all(axis=-1).sum() > 10_000
