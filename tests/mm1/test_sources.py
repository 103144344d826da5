import io
import json
import shutil

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from mm1.config import Experiment, Source
from mm1.data.document import Document, Picture
from mm1.data.export import export_world
from mm1.data.sources import open_source, world_sources

FORMATS = {"captions": "webdataset", "interleaved": "obelics", "text": "jsonl"}
FILES = {"captions": "captions/*.tar", "interleaved": "interleaved/*.parquet", "text": "text/*.jsonl"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture(scope="module")
def exported(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("exported")
    export_world(world, out)
    return out


def png(colour):
    file = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(file, "png")
    return file.getvalue()


def everything(source):
    return [source[row] for row in range(len(source))]


@pytest.mark.parametrize("name", FORMATS)
def test_exported_files_hold_the_documents_of_the_world_in_the_same_order(world, exported, name):
    source = open_source(Source(format=FORMATS[name], path=str(exported / FILES[name])))
    original = world_sources(world)[name]
    documents = everything(source)
    assert len(documents) == len(original) > 50
    assert documents == everything(original)  # text, image bytes and group
    assert all(document.group for document in documents)
    assert any(document.pictures for document in documents) == (name != "text")


@pytest.mark.parametrize("name", FORMATS)
def test_the_worlds_own_arrow_is_a_format_too(world, name):
    source = open_source(Source(format="arrow", path=str(world / name)))
    assert everything(source) == everything(world_sources(world)[name])


def test_an_export_may_be_cut_and_carries_a_sweep_and_the_benchmarks(world, tmp_path):
    written = export_world(world, tmp_path / "out", rows=7)
    assert all(path.exists() for path in written)
    source = open_source(Source(format="jsonl", path=str(tmp_path / "out" / FILES["text"])))
    assert everything(source) == everything(world_sources(world)["text"])[:7]
    fields = yaml.safe_load(written[-1].read_text())["set"]
    data = {name.removeprefix("data."): value for name, value in fields.items()}
    config = Experiment(data=data).data
    assert {name: source.format for name, source in config.sources.items()} == FORMATS
    assert sorted(open_source(source)[0].text for source in config.sources.values())
    assert len(list((tmp_path / "out" / "benchmarks").glob("*/benchmark.json"))) == 11


def test_many_shards_are_read_in_order(world, tmp_path, monkeypatch):
    monkeypatch.setattr("mm1.data.export._SHARD", 30)
    export_world(world, tmp_path / "out", rows=100)
    assert len(list((tmp_path / "out" / "captions").glob("*.tar"))) == 4
    source = open_source(Source(format="webdataset", path=str(tmp_path / "out" / FILES["captions"])))
    assert everything(source) == everything(world_sources(world)["captions"])[:100]


def test_parquet_captions(tmp_path):
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    for shard, colours in enumerate((["red", "green"], ["blue"])):
        images = pa.array([{"bytes": png(colour), "path": None} for colour in colours], picture)
        table = pa.table({"image": images, "caption": [f"a {colour} box" for colour in colours]})
        pq.write_table(table, tmp_path / f"{shard}.parquet")
    source = open_source(Source(format="parquet-captions", path=str(tmp_path / "*.parquet")))
    expected = [Document((Picture(png(c)), f"a {c} box")) for c in ("red", "green", "blue")]
    assert everything(source) == expected
    assert source[0].text == "<image> a red box"


@pytest.mark.parametrize("left", ["a batch", "half", "all but a byte", "nothing"])
def test_an_arrow_file_that_is_cut_short_is_named(tmp_path, left):
    datasets.Dataset.from_dict({"text": ["word " * 100] * 3000}).save_to_disk(tmp_path / "table")
    (file,) = (tmp_path / "table").glob("*.arrow")
    whole = file.read_bytes()
    with pa.memory_map(str(file)) as stream:
        pa.ipc.open_stream(stream).read_next_batch()
        sizes = {"a batch": stream.tell(), "half": len(whole) // 2, "all but a byte": len(whole) - 1}
    file.write_bytes(whole[: sizes.get(left, 0)])
    with pytest.raises(ValueError, match=rf"{file} is cut short, after {sizes.get(left, 0)} bytes"):
        open_source(Source(format="arrow", path=str(tmp_path / "table")))


def test_a_world_that_is_cut_short_says_how_to_mend_it(world, tmp_path):
    shutil.copytree(world, tmp_path / "world")
    file = next((tmp_path / "world" / "text").glob("*.arrow"))
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match=rf"{file} is cut short, .* remove the folder {tmp_path / 'world'}"):
        world_sources(tmp_path / "world")


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_of_many_files_the_one_that_is_cut_short_is_named(tmp_path, kind):
    for name in "abc":
        table, file = pa.table({"text": [f"{name}{row}" for row in range(300)]}), tmp_path / f"{name}.{kind}"
        if kind == "parquet":
            pq.write_table(table, file)
        else:
            file.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    broken = tmp_path / f"b.{kind}"
    broken.write_bytes(broken.read_bytes()[:-4])
    with pytest.raises(ValueError, match=rf"'{broken}' cannot be read as jsonl: "):
        open_source(Source(format="jsonl", path=str(tmp_path / f"*.{kind}")))


def test_mmc4(tmp_path):
    for colour in ("red", "blue"):
        (tmp_path / f"{colour}.png").write_bytes(png(colour))
    page = {
        "text_list": ["first", "a red box", "a blue box", "last"],
        "image_info": [
            {"image_name": "blue.png", "matched_text_index": 2},
            {"image_name": "red.png", "matched_text_index": 1},
        ],
    }
    (tmp_path / "docs.jsonl").write_text(json.dumps(page) + "\n")
    (document,) = everything(open_source(Source(format="mmc4", path=str(tmp_path / "*.jsonl"))))
    red, blue = Picture(png("red")), Picture(png("blue"))
    assert document.parts == ("first", red, "a red box", blue, "a blue box", "last")
    assert document.text == "first <image> a red box <image> a blue box last"


@pytest.mark.parametrize("kind", ["arrow", "webdataset", "parquet-captions", "obelics", "mmc4", "jsonl"])
def test_a_path_that_matches_nothing_is_named(tmp_path, kind):
    path = str(tmp_path / "nothing-*.here")
    with pytest.raises(ValueError) as error:
        open_source(Source(format=kind, path=path))
    assert str(error.value) == f"no file matches '{path}' ({kind})"


def test_columns_that_make_no_document_are_named(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"body": "x"}\n')
    with pytest.raises(ValueError, match="columns body are no documents"):
        open_source(Source(format="jsonl", path=str(tmp_path / "a.jsonl")))
    pq.write_table(pa.table({"image": [b"", b""], "label": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="columns image, label are no documents"):
        open_source(Source(format="parquet-captions", path=str(tmp_path / "a.parquet")))


def test_rewritten_files_have_another_digest(tmp_path):
    file = tmp_path / "a.jsonl"
    digests = []
    for text in ("red", "red", "green box"):
        if not digests or text != "red":
            file.write_text(json.dumps({"text": text}) + "\n")
        digests.append(open_source(Source(format="jsonl", path=str(file))).digest)
    assert digests[0] == digests[1] != digests[2]
