import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mm1.config import Evaluation, Experiment, Prompts
from mm1.evaluation.benchmarks import read
from mm1.evaluation.decoding import beam, greedy, log_likelihoods
from mm1.evaluation.evaluate import evaluate
from mm1.evaluation.prompts import choose_shots, few_shot, query
from mm1.model import MultimodalLM

ITEMS, POOL, SHOTS = 5, 60, (0, 2)
CONFIG = Evaluation(items=ITEMS, shots=SHOTS, batch=3, decoding={"max_tokens": 6})


def row(item, group="plain", answer="red"):
    return {"item": item, "group": group, "question": f"{item} ?", "answers": [answer, "blue"]}


QUERY = row("q")
PAIR = [row("one", answer="lime"), row("two", answer="jade"), row("other", group="coast")]


def ask(k, pool=PAIR, task="vqa", prompts=None, seed=0):
    return few_shot(QUERY, pool, task, k, prompts or Prompts(), seed)


def test_zero_shot_is_the_image_and_the_question_cut_before_its_answer():
    assert ask(0) == ("<image> question : q ? answer :", [])
    assert ask(0, task="caption") == ("<image>", [])


def test_one_shot_shows_a_solved_example_first():
    text, shots = ask(1, PAIR[1:])
    assert text == "<image> question : two ? answer : jade . <image> question : q ? answer :"
    assert shots == [0]
    assert ask(1, PAIR[1:], task="caption")[0] == "<image> jade . <image>"


def test_two_shots_stand_in_the_order_of_their_images():
    text, shots = ask(2)
    solved = [f"<image> question : {PAIR[i]['item']} ? answer : {PAIR[i]['answers'][0]} ." for i in shots]
    assert sorted(shots) == [0, 1]
    assert text == f"{solved[0]} {solved[1]} <image> question : q ? answer :"


def test_text_shots_are_two_examples_without_their_images():
    text, shots = ask(0, prompts=Prompts(zero_shot="text-shots"))
    first, second = (PAIR[i] for i in ask(2)[1])
    assert shots == []
    assert text == (
        f"question : {first['item']} ? answer : {first['answers'][0]} . "
        f"question : {second['item']} ? answer : {second['answers'][0]} . "
        "<image> question : q ? answer :"
    )
    assert ask(2, prompts=Prompts(zero_shot="text-shots")) == ask(2)  # only 0-shot differs


@given(st.integers(0, 9), st.integers(0, 1000), st.sampled_from(["vqa", "caption"]))
def test_more_shots_only_add_examples(k, seed, task):
    pool = [row(f"item {i}", group=("plain", "coast")[i % 2]) for i in range(25)]
    (fewer, few), (more, many) = ask(k, pool, task, seed=seed), ask(k + 1, pool, task, seed=seed)
    assert many[:-1] == few
    assert more.startswith(fewer.removesuffix(query(QUERY, task, Prompts())))
    assert len(set(many)) == k + 1


@given(st.integers(0, 1000), st.lists(st.sampled_from(["q", "x", "y", "z"]), min_size=1, max_size=12))
def test_shots_are_of_the_authors_own_and_never_the_query(seed, items):
    pool = [row(item, group) for item in items for group in ("plain", "coast")]
    usable = sum(item != "q" for item in items)
    chosen = [pool[i] for i in choose_shots(pool, QUERY, usable, seed)]
    assert all(shot["group"] == "plain" and shot["item"] != "q" for shot in chosen)
    with pytest.raises(
        ValueError, match=f"{usable + 1} shots asked for, but only {usable} by author 'plain'"
    ):
        choose_shots(pool, QUERY, usable + 1, seed)


def test_shots_depend_on_the_seed_and_on_the_item():
    pool = [row(f"item {i}") for i in range(30)]
    drawn = [choose_shots(pool, row(item), 5, seed) for item in ("p", "q") for seed in (0, 1)]
    assert len({tuple(shots) for shots in drawn}) == 4
    assert drawn[0] == choose_shots(pool, row("p"), 5, 0)


@pytest.fixture(scope="module")
def model(tokenizer):
    """A tiny untrained model with large weights, so that different prompts are continued differently."""
    torch.manual_seed(0)
    config = Experiment(
        encoder={"resolution": 16, "width": 32, "depth": 1, "heads": 2},
        connector={"type": "average-pool", "tokens": 4},
        language={"width": 32, "depth": 2, "heads": 2},
    )
    model = MultimodalLM(config, tokenizer).eval()
    with torch.no_grad():
        for name, weight in model.language.named_parameters():
            if weight.ndim > 1:
                weight.mul_(8 if "embed" not in name else 2)
        model.connector.project.weight.mul_(4)
    return model


@pytest.fixture
def prompts(model):
    """Five prompts of different lengths with their image tokens, (prompts, M, d)."""
    rng = torch.Generator().manual_seed(1)
    words = [torch.randint(5, 130, (length,), generator=rng).tolist() for length in (2, 9, 4, 17, 1)]
    images = torch.randint(0, 256, (5, 3, 16, 16), generator=rng, dtype=torch.uint8)
    with torch.inference_mode():
        return [[1, *[model.image_token_id] * 4, *text] for text in words], model.encode_images(images)


def settings(stops=(0,)):
    return {"stops": set(stops), "limit": 8, "pad": 0}


def test_left_padded_prompts_are_continued_like_each_alone(model, prompts):
    rows, images = prompts
    with torch.inference_mode():
        together = greedy(model, rows, images, **settings())
        alone = [greedy(model, [ids], images[i : i + 1], **settings())[0] for i, ids in enumerate(rows)]
    assert together == alone
    assert len({tuple(said) for said in together}) == 5


def test_cached_decoding_equals_reading_everything_again(model, prompts):
    ids, images = list(prompts[0][1]), prompts[1][1:2]
    said = []
    with torch.inference_mode():
        for _ in range(8):
            logits = model.language(inputs_embeds=model.embed(torch.tensor([ids + said]), images)).logits
            said.append(int(logits[0, -1].argmax()))
        assert greedy(model, [ids], images, **settings()) == [said]


def test_decoding_ends_before_a_stop_and_the_others_go_on(model, prompts):
    rows, images = prompts
    with torch.inference_mode():
        free = greedy(model, rows, images, **settings())
        stop = free[1][3]
        stopped = greedy(model, rows, images, **settings([stop]))
    assert len(stopped[1]) <= 3
    assert stopped == [said[: said.index(stop)] if stop in said else said for said in free]


def test_one_beam_is_greedy(model, prompts):
    rows, images = prompts
    with torch.inference_mode():
        assert beam(model, rows, images, **settings(), beams=1) == greedy(model, rows, images, **settings())


def test_log_likelihoods_equal_a_plain_loop(model):
    contexts = [[1, 7, 8, 9], [1, 20], [1, 30, 31, 32, 33, 34], [1]]
    continuations = [[10], [11, 12, 13], [14, 15], [16, 17, 18, 19]]
    with torch.inference_mode():
        together = log_likelihoods(model, contexts, continuations, 0)
        for context, continuation, found in zip(contexts, continuations, together, strict=True):
            total = 0.0
            for place, token in enumerate(continuation):
                logits = model.language(torch.tensor([context + continuation[:place]])).logits[0, -1]
                total += float(logits.log_softmax(-1)[token])
            assert found == pytest.approx(total, abs=1e-3)


@pytest.fixture(scope="module")
def evaluated(model, tokenizer, world):
    return evaluate(model, tokenizer, world / "benchmarks", CONFIG, 16)


def test_every_image_of_a_benchmark_is_encoded_once(model, tokenizer, world, monkeypatch):
    encoded, encode = [], model.encode_images
    monkeypatch.setattr(model, "encode_images", lambda images: encoded.append(len(images)) or encode(images))
    evaluate(model, tokenizer, world / "benchmarks", CONFIG, 16)
    assert sum(encoded) == 8 * (ITEMS + POOL)


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_is_deterministic_and_leaves_the_mode_as_found(
    model, tokenizer, world, evaluated, training
):
    model.train(training)
    again = evaluate(model, tokenizer, world / "benchmarks", CONFIG, 16)
    assert model.training == training
    model.eval()
    assert again.metrics == evaluated.metrics
    assert again.predictions.equals(evaluated.predictions)
    assert again.digest == evaluated.digest


def test_metrics_cover_every_benchmark_and_are_means_of_the_predictions(evaluated, world):
    benchmarks, frame = read(world / "benchmarks", ITEMS), evaluated.predictions
    visual = [b.name for b in benchmarks if b.task != "choice"]
    text = [b.name for b in benchmarks if b.task == "choice"]
    expected = {f"eval/{name}/{k}shot" for name in [*visual, "average"] for k in SHOTS}
    assert evaluated.metrics.keys() == expected | {f"eval/text/{name}" for name in [*text, "average"]}
    assert len(frame) == ITEMS * (len(visual) * len(SHOTS) + len(text))
    for name in visual:
        scores = frame[(frame["benchmark"] == name) & (frame["shots"] == 2)]["score"]
        assert evaluated.metrics[f"eval/{name}/2shot"] == pytest.approx(100 * scores.mean())
    average = sum(evaluated.metrics[f"eval/{name}/2shot"] for name in visual) / len(visual)
    assert evaluated.metrics["eval/average/2shot"] == pytest.approx(average)


def test_a_folder_without_benchmarks_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        read(tmp_path, 5)
