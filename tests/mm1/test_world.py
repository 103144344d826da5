import json
from itertools import pairwise

import numpy as np
import pytest

from mm1.config import World
from mm1.data.sources import world_sources
from mm1.data.world import documents as documents_of
from mm1.data.world import text
from mm1.data.world.benchmarks import ANNOTATORS, BENCHMARKS
from mm1.data.world.build import build, ensure, world_id
from mm1.data.world.documents import caption_pair
from mm1.data.world.grammar import ANSWERS, COLOURS, COUNTS, DIALECTS, PLACES, SHAPES, say, vocabulary
from mm1.data.world.render import png, render
from mm1.data.world.scene import NOVEL, draw
from mm1.evaluation.benchmarks import read

TINY = World(captions=20, interleaved=6, text=20, benchmark_items=3, shot_pool=30)
NAMES = {**SHAPES, **COLOURS, **COUNTS, **ANSWERS, **PLACES}
DIALECT = {word: dialect for names in NAMES.values() for word, dialect in zip(names, DIALECTS, strict=True)}
MEANING = {word: fact for fact, names in NAMES.items() for word in names}


@pytest.fixture(scope="module")
def documents(world):
    return {
        name: [source[row] for row in range(len(source))] for name, source in world_sources(world).items()
    }


@pytest.fixture(scope="module")
def benchmarks(world):
    return {benchmark.name: benchmark for benchmark in read(world / "benchmarks", 1000)}


def texts(row):
    """Everything a benchmark's row says."""
    return [row.get("question", ""), row.get("context", ""), *row.get("answers", []), *row.get("choices", [])]


def dialects(words):
    return {DIALECT[word] for word in words.split() if word in DIALECT}


def pairs(words):
    """Colours with the shape that follows, as facts."""
    facts = [MEANING.get(word) for word in words.split()]
    return {(a, b) for a, b in pairwise(facts) if a in COLOURS and b in SHAPES}


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())["sources"]


def test_the_same_seed_gives_the_same_world_and_another_seed_another(tmp_path):
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        build(TINY.model_copy(update={"seed": seed}), tmp_path / name)
    one, again, other = (manifest(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again
    assert all(one[name]["digest"] != other[name]["digest"] for name in one)
    shown = [read(tmp_path / name / "benchmarks", 3) for name in ("one", "again", "other")]
    assert shown[0] == shown[1]
    assert shown[0] != shown[2]


def test_a_larger_world_begins_like_a_smaller_one(tmp_path):
    sizes = {"captions": 30, "interleaved": 9, "text": 30}
    build(TINY, tmp_path / "small")
    build(TINY.model_copy(update=sizes), tmp_path / "large")
    small, large = world_sources(tmp_path / "small"), world_sources(tmp_path / "large")
    for name, source in small.items():
        assert len(large[name]) == sizes[name] > len(source)
        assert [source[row] for row in range(len(source))] == [large[name][row] for row in range(len(source))]


def test_a_world_is_built_once_under_its_own_address(tmp_path):
    folder = ensure(TINY, tmp_path)
    stamp = (folder / "manifest.json").stat().st_mtime_ns
    assert ensure(TINY, tmp_path) == folder
    assert (folder / "manifest.json").stat().st_mtime_ns == stamp
    assert [path.name for path in tmp_path.iterdir()] == [world_id(TINY)]
    assert world_id(TINY.model_copy(update={"seed": 1})) != world_id(TINY)


def test_every_word_of_a_dialect_is_its_own():
    assert len(DIALECT) == sum(len(names) for names in NAMES.values()) == 3 * len(NAMES)
    assert len(set(vocabulary())) == len(vocabulary())


@pytest.mark.parametrize("name", ["captions", "interleaved", "text"])
def test_an_author_keeps_one_dialect(documents, name):
    spoken = [(dialects(document.text), document.group) for document in documents[name]]
    assert all(found <= {group} for found, group in spoken)
    assert {group for found, group in spoken if found} == set(DIALECTS)


def test_benchmarks_keep_their_authors_dialect(benchmarks):
    for name, benchmark in benchmarks.items():
        for row in [*benchmark.test, *benchmark.shots]:
            said = [] if name == "style" else texts(row)  # its choices are the dialects themselves
            assert dialects(" ".join([*said, row.get("context", "")])) <= {row["group"]}


def test_novel_combinations_are_never_in_training_captions_and_always_in_their_benchmark(
    documents, benchmarks
):
    shown = set()
    for document in [*documents["captions"], *documents["interleaved"]]:
        shown |= set().union(*(pairs(part) for part in document.parts if isinstance(part, str)))
    assert len(shown) == len(COLOURS) * len(SHAPES) - len(NOVEL)  # all the others are
    assert shown.isdisjoint(NOVEL)
    for row in benchmarks["novel-captions"].test:
        assert pairs(row["answers"][0]) & set(NOVEL)
    for row in benchmarks["captions"].test:
        assert pairs(row["answers"][0]).isdisjoint(NOVEL)


@pytest.mark.parametrize("kind", text.KINDS)
def test_blurred_scenes_have_no_answer(kind):
    rng = np.random.default_rng(0)
    for blurred in (True, False):
        answers = {text.ask(draw(rng, blurred=blurred), kind, "coast", rng).answer for _ in range(50)}
        assert (answers == {"unanswerable"}) == blurred
        assert ("unanswerable" in answers) == blurred


def test_blurred_pictures_are_softer():
    rng = np.random.default_rng(1)

    def detail(blurred):
        pixels = np.asarray(render(draw(rng, blurred=blurred)), dtype=float)
        return np.abs(np.diff(pixels, axis=1)).max()

    sharp, soft = ([detail(blurred) for _ in range(20)] for blurred in (False, True))
    assert np.median(soft) < 0.7 * np.median(sharp)


def test_blurred_captions_and_the_blurry_benchmark(benchmarks):
    rng = np.random.default_rng(2)
    words = {text.synthetic_caption(draw(rng, blurred=True), dialect) for dialect in DIALECTS}
    assert words == {"a blurry photo ."}
    hopeless = [MEANING[row["answers"][0]] == "unanswerable" for row in benchmarks["blurry"].shots]
    assert 0.25 < np.mean(hopeless) < 0.75
    for name in ("general", "relations", "knowledge", "sign-reading"):
        assert all(MEANING.get(row["answers"][0]) != "unanswerable" for row in benchmarks[name].test)


def test_every_benchmark_has_its_files(world, benchmarks):
    assert benchmarks.keys() == {benchmark.name for benchmark in BENCHMARKS}
    for wanted in BENCHMARKS:
        found = benchmarks[wanted.name]
        assert (found.task, found.stands_for) == (wanted.task, wanted.stands_for)
        assert (len(found.test), len(found.shots)) == (12, 60)
        items = [row["item"] for row in [*found.test, *found.shots]]
        assert len(set(items)) == 72
        for row in found.test:
            if found.task == "choice":
                assert row["answer"] < len(row["choices"]) == len(set(row["choices"]))
            else:
                assert row["image"]["bytes"].startswith(b"\x89PNG")
                assert len(row["answers"]) == (ANNOTATORS if found.task == "vqa" else 1)
                assert bool(row["question"]) == (found.task == "vqa")


@pytest.mark.parametrize("benchmark", [b for b in BENCHMARKS if b.task == "vqa"], ids=lambda b: b.name)
def test_the_first_annotator_is_right_and_most_others_are(benchmark, monkeypatch):
    asked, ask = [], text.ask
    monkeypatch.setattr(text, "ask", lambda *args: asked.append(ask(*args)) or asked[-1])
    rng = np.random.default_rng(3)
    agreement = []
    for _ in range(100):
        item = benchmark.item(rng)
        truth = say(asked[-1].answer, item["group"])
        assert item["answers"][0] == truth
        assert item["question"] == asked[-1].text
        agreement.append(np.mean([answer == truth for answer in item["answers"][1:]]))
    assert 0.85 < np.mean(agreement) < 0.98
    assert min(agreement) < 1


def test_the_vocabulary_covers_every_word(documents, benchmarks, tokenizer):
    words = {document.text for name in documents for document in documents[name]}
    for benchmark in benchmarks.values():
        words |= {said for row in [*benchmark.test, *benchmark.shots] for said in texts(row)}
    tokens = {word for sentence in words for word in sentence.split()} - {"<image>"}
    unknown = tokenizer.unk_token_id
    assert [word for word in sorted(tokens) if unknown in tokenizer(word)["input_ids"]] == []
    assert len(tokens) > 100
    assert tokenizer("zebra", add_special_tokens=False)["input_ids"] == [unknown]


def test_pictures_and_captions_agree_with_their_scene():
    scene = draw(np.random.default_rng(4), blurred=False)
    assert png(render(scene)) == png(render(scene))
    for dialect in DIALECTS:
        told = pairs(text.synthetic_caption(scene, dialect))
        assert told == {(thing.colour, thing.shape) for thing in scene.things}
        assert f"sign says {scene.letter}" in text.synthetic_caption(scene, dialect)


def test_the_share_of_synthetic_captions():
    rng = np.random.default_rng(5)
    styles = [caption_pair(rng, 0.35, 0.35)["style"] for _ in range(400)]
    assert 0.28 < styles.count("synthetic") / 400 < 0.42


def usual_pairs(rng, share):
    """The stream as it was drawn before the share of synthetic captions could be varied."""
    while True:
        scene, dialect = draw(rng), documents_of.dialect_of(rng)
        synthetic = rng.random() < share
        words = text.synthetic_caption(scene, dialect) if synthetic else text.alt_text(scene, dialect, rng)
        yield png(render(scene)), words, dialect


@pytest.mark.parametrize("usual", [0.35, 0.6])
def test_at_the_usual_share_captions_are_what_they_always_were(usual):
    rng, old = np.random.default_rng(6), usual_pairs(np.random.default_rng(6), usual)
    for _ in range(60):
        pair = caption_pair(rng, usual, usual)
        assert (pair["image"]["bytes"], pair["caption"], pair["group"]) == next(old)


@pytest.mark.parametrize("usual", [0.35, 0.6])
def test_pictures_and_captions_that_keep_their_style_are_the_same_at_every_share(usual):
    streams = {}
    for share in (0, 0.35, 0.6, 1):
        rng = np.random.default_rng(7)
        streams[share] = [caption_pair(rng, share, usual) for _ in range(80)]
    counts = [sum(pair["style"] == "synthetic" for pair in stream) for stream in streams.values()]
    assert (counts[0], counts[3]) == (0, 80)
    assert counts == sorted(counts)
    for row in zip(*streams.values(), strict=True):
        assert len({pair["image"]["bytes"] for pair in row}) == len({pair["group"] for pair in row}) == 1
        for style in ("alt", "synthetic"):
            assert len({pair["caption"] for pair in row if pair["style"] == style}) <= 1
        order = [pair["style"] == "synthetic" for pair in row]
        assert order == sorted(order)  # a picture that has a synthetic caption keeps it at larger shares


def test_the_share_of_synthetic_captions_changes_captions_alone(tmp_path):
    shares = {share: TINY.model_copy(update={"synthetic_share": share}) for share in (0.0, 0.35, 1.0)}
    found = {share: manifest(ensure(world, tmp_path)) for share, world in shares.items()}
    assert len({world_id(world) for world in shares.values()}) == 3
    for name in found[0.35]:
        digests = {manifest[name]["digest"] for manifest in found.values()}
        assert len(digests) == (3 if name == "captions" else 1)
