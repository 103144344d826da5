import numpy as np
import pytest
import torch

from mm1.config import Evaluation
from mm1.data.images import decode
from mm1.evaluation.benchmarks import read
from mm1.evaluation.cider import cider
from mm1.evaluation.decoding import stop_ids
from mm1.evaluation.evaluate import evaluate
from mm1.evaluation.fewshot import answer, encode, prompts_of
from mm1.evaluation.prompts import few_shot
from mm1.evaluation.vqa import accuracy

ITEMS, SHOTS = 5, (0, 2)
CONFIG = Evaluation(items=ITEMS, shots=SHOTS, batch=3, decoding={"max_tokens": 6})


@pytest.fixture(scope="module")
def model(outspoken):
    return outspoken


@pytest.fixture(scope="module")
def visual(world):
    return [benchmark for benchmark in read(world / "benchmarks", ITEMS) if benchmark.task != "choice"]


@pytest.fixture(scope="module")
def evaluated(model, tokenizer, world):
    return evaluate(model, tokenizer, world / "benchmarks", CONFIG, 16)


def prompt(benchmark, row, k):
    return few_shot(row, benchmark.shots, benchmark.task, k, CONFIG.prompts, CONFIG.seed)


def plain_answer(model, tokenizer, benchmark, row, k):
    """The k-shot answer by itself: no batch, no cache, its images encoded for it alone."""
    text, shots = prompt(benchmark, row, k)
    shown = [*(benchmark.shots[i] for i in shots), row]
    pixels = torch.from_numpy(np.stack([decode(one["image"]["bytes"], 16) for one in shown]))
    text = text.replace("<image>", "<image> " * model.image_tokens)
    ids = [tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]
    said, stops = [], tokenizer.convert_tokens_to_ids([".", "<eos>", "<bos>", "<image>"])
    while len(said) < 6:
        embedded = model.embed(torch.tensor([ids + said]), model.encode_images(pixels))
        token = int(model.language(inputs_embeds=embedded).logits[0, -1].argmax())
        if token in stops:
            break
        said.append(token)
    return tokenizer.decode(said, skip_special_tokens=True)


def test_predictions_equal_a_plain_loop_over_items(model, tokenizer, visual, evaluated):
    found = evaluated.predictions.set_index(["item", "shots"])["prediction"]
    with torch.inference_mode():
        for benchmark in visual:
            for row in benchmark.test[:2]:
                for k in SHOTS:
                    assert found[row["item"], k] == plain_answer(model, tokenizer, benchmark, row, k)
    assert found.nunique() > ITEMS  # the model does not say the same to everyone


def test_scores_are_the_metric_of_the_task(visual, evaluated):
    for benchmark in visual:
        for k, rows in evaluated.predictions.query("benchmark == @benchmark.name").groupby("shots"):
            answers = {row["item"]: row["answers"] for row in benchmark.test}
            truths = [answers[item] for item in rows["item"]]
            if benchmark.task == "caption":
                assert list(rows["score"]) == pytest.approx(list(cider(list(rows["prediction"]), truths)))
            else:
                expected = [
                    accuracy(said, truth) for said, truth in zip(rows["prediction"], truths, strict=True)
                ]
                assert list(rows["score"]) == pytest.approx(expected), k


def test_the_images_that_are_shown_are_encoded_once(model, tokenizer, world, visual, monkeypatch):
    encoded, encode = [], model.encode_images
    monkeypatch.setattr(model, "encode_images", lambda images: encoded.append(len(images)) or encode(images))
    evaluate(model, tokenizer, world / "benchmarks", CONFIG, 16)
    rows = [(benchmark, row) for benchmark in visual for row in benchmark.test]
    shown = {(benchmark.name, shot) for benchmark, row in rows for shot in prompt(benchmark, row, 2)[1]}
    assert sum(encoded) == 8 * ITEMS + len(shown)


def test_answers_are_cut_at_a_stop_of_several_tokens(model, tokenizer, visual):
    benchmark = visual[0]
    prompts = prompts_of(model, tokenizer, benchmark, 0, CONFIG)

    def ask(stop):
        config = CONFIG.model_copy(update={"prompts": CONFIG.prompts.model_copy(update={"stop": stop})})
        with torch.inference_mode():
            images = encode(model, benchmark, range(ITEMS), 16)
            return [
                row["prediction"]
                for row in answer(model, tokenizer, prompts, images, stop_ids(tokenizer, stop), config)
            ]

    free = ask("never said")
    words = next(said.split() for said in free if len(said.split()) > 3)
    stop = " ".join(words[1:3])
    assert ask(stop) == [said.partition(stop)[0].strip() for said in free]
    assert ask(stop) != free


def test_images_of_text_shots_are_not_shown(model, tokenizer, visual):
    config = CONFIG.model_copy(
        update={"prompts": CONFIG.prompts.model_copy(update={"zero_shot": "text-shots"})}
    )
    for index, prompt in enumerate(prompts_of(model, tokenizer, visual[0], 0, config)):
        assert prompt.pictures == [index]
        assert prompt.ids.count(model.image_token_id) == model.image_tokens


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


def test_a_failed_evaluation_leaves_the_mode_as_found(model, tokenizer, world):
    model.train()
    with pytest.raises(ValueError, match="100 shots asked for"):
        evaluate(model, tokenizer, world / "benchmarks", CONFIG.model_copy(update={"shots": (100,)}), 16)
    assert model.training
    model.eval()


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


def test_the_digest_names_the_items_and_progress_counts_to_the_end(model, tokenizer, world, evaluated):
    seen = []
    fewer = CONFIG.model_copy(update={"items": ITEMS - 1, "shots": (0,)})
    found = evaluate(model, tokenizer, world / "benchmarks", fewer, 16, lambda *at: seen.append(at))
    assert found.digest != evaluated.digest
    assert seen == [(done + 1, 11) for done in range(11)]
    first = {row["item"] for b in read(world / "benchmarks", ITEMS - 1) for row in b.test}
    assert set(found.predictions["item"]) == first


def test_a_folder_without_benchmarks_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        read(tmp_path, 5)
