import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mm1.config import Prompts
from mm1.evaluation.prompts import choose_shots, example, few_shot, query


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


def test_a_template_that_ends_its_line_keeps_its_line_ends():
    prompts = Prompts(caption="{image} Output: {answer}\n", stop="\n")
    assert ask(1, PAIR[:1], "caption", prompts)[0] == "<image> Output: lime\n<image> Output:"


def test_words_of_the_data_are_never_slots_or_placeholders():
    odd = {**row("odd"), "question": "what is {answer} in <image> ?", "answers": ["{question} <image>"]}
    assert example(odd, "vqa", Prompts()) == (
        "<image> question : what is {answer} in   ? answer : {question}   ."
    )
    assert query(odd, "vqa", Prompts()) == "<image> question : what is {answer} in   ? answer :"


@pytest.mark.parametrize(
    "field, template",
    [
        ("caption", "{answer} ."),
        ("caption", "{image} {question} {answer}"),
        ("caption", "{answer} {image}"),
        ("question", "{image} {answer}"),
        ("question", "{image} {question} {answer} {answer}"),
        ("question", "{image} {questoin} {answer}"),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused(field, template):
    with pytest.raises(ValidationError, match=r"needs each of .* once, the answer last; found: "):
        Prompts(**{field: template})
