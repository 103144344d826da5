import torch

from mm1.evaluation.benchmarks import Benchmark, read
from mm1.evaluation.choice import choose


def plain_choice(model, tokenizer, row):
    """The likelier choice, token by token."""
    totals = []
    for choice in row["choices"]:
        ids, total = [tokenizer.bos_token_id, *tokenizer(row["context"])["input_ids"]], 0.0
        for token in tokenizer(choice)["input_ids"]:
            total += float(model.language(torch.tensor([ids])).logits[0, -1].log_softmax(-1)[token])
            ids.append(token)
        totals.append(total)
    return row["choices"][totals.index(max(totals))]


def test_choices_equal_a_plain_loop(outspoken, tokenizer, world):
    for benchmark in read(world / "benchmarks", 4):
        if benchmark.task == "choice":
            with torch.inference_mode():
                rows = choose(outspoken, tokenizer, benchmark, batch=5)
                expected = [plain_choice(outspoken, tokenizer, row) for row in benchmark.test]
            assert [row["prediction"] for row in rows] == expected


def test_the_score_is_whether_the_chosen_is_the_right_one(outspoken, tokenizer):
    choices = ["red", "blue and green", "disc"]
    items = [
        {"item": str(i), "group": "g", "context": "the", "choices": choices, "answer": i} for i in range(3)
    ]
    with torch.inference_mode():
        rows = choose(outspoken, tokenizer, Benchmark("b", "choice", "", items, []), batch=2)
    assert [row["answers"] for row in rows] == [[choice] for choice in choices]
    assert len({row["prediction"] for row in rows}) == 1
    assert [row["score"] for row in rows] == [float(row["answers"] == [row["prediction"]]) for row in rows]
    assert sum(row["score"] for row in rows) == 1


def test_a_placeholder_in_a_text_is_no_image(outspoken, tokenizer):
    words = [word for word in sorted(tokenizer.get_vocab()) if word.isalpha()]
    item = {"item": "i", "group": "g", "choices": words, "answer": 0}
    plain, odd = ({**item, "context": context} for context in ("the lives", "the <image> lives"))
    with torch.inference_mode():
        rows = choose(outspoken, tokenizer, Benchmark("b", "choice", "", [plain, odd], []), batch=2)
    assert rows[0]["prediction"] == rows[1]["prediction"]
