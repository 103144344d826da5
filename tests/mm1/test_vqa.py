import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm1.evaluation.vqa import accuracy, normalise

WORDS = [
    "red",
    "Blue",
    "a",
    "An",
    "the",
    "none",
    "two",
    "2",
    "10",
    "ten",
    "dont",
    "don't",
    "1,000",
    "1.5",
    "u.s.",
]
TEXTS = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from([" ", ". ", ", ", "-", "? ", "\n"])), max_size=3
)
TEXTS = TEXTS.map(lambda pairs: "".join(word + gap for word, gap in pairs))
DIGITS = {"none": "0", "two": "2", "ten": "10"}


def plain(text):
    """Normalisation letter by letter, for the words above."""
    text = " ".join(text.split("\n")).strip()
    triples = zip(text, text[1:], text[2:], strict=False)
    glued = any(left.isdigit() and comma == "," and right.isdigit() for left, comma, right in triples)
    pairs = [pair for place in range(len(text)) if " " in (pair := text[place : place + 2])]
    kept = ""
    for mark in text:
        beside = any(mark in pair for pair in pairs)
        kept += mark if mark not in ",-?" else "" if glued or beside else " "
    kept = "".join(c for i, c in enumerate(kept) if c != "." or kept[i + 1 : i + 2].isdigit())
    words = [DIGITS.get(word, word) for word in kept.lower().split()]
    return ["don't" if word == "dont" else word for word in words if word not in ("a", "an", "the")]


@given(TEXTS)
def test_normalisation_against_a_plain_one(text):
    assert normalise(text).split(" ") == (plain(text) or [""])


@given(st.lists(TEXTS, min_size=1, max_size=10), st.data())
def test_accuracy_against_a_plain_one(answers, data):
    said = data.draw(st.sampled_from(answers) | TEXTS)
    scores = []
    for left_out in range(len(answers)):
        others = answers[:left_out] + answers[left_out + 1 :]
        agreeing = [other for other in others if plain(other) == plain(said)]
        scores.append(min(len(agreeing) / 3, 1))
    assert accuracy(said, answers) == pytest.approx(sum(scores) / len(scores))


@pytest.mark.parametrize("agreeing, expected", [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (10, 1)])
def test_ten_annotators_by_hand(agreeing, expected):
    answers = ["red"] * agreeing + [f"other {i}" for i in range(10 - agreeing)]
    assert accuracy("red", answers) == pytest.approx(expected)


def test_five_annotators_by_hand():
    # Leaving out one of the two who agree leaves 1 / 3, leaving out one of the others leaves 2 / 3.
    assert accuracy("red", ["red", "red", "x", "y", "z"]) == pytest.approx((2 * 1 / 3 + 3 * 2 / 3) / 5)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("The Dog.", "dog"),
        ("a an the", ""),
        ("two dogs", "2 dogs"),
        ("None", "0"),
        ("zero", "0"),
        ("ten", "10"),
        ("1,000.5", "1000.5"),
        ("10:30", "10:30"),
        ("5.", "5"),
        ("5. 6", "5 6"),
        (".5", ".5"),
        ("well-lit", "well lit"),
        ("well -lit", "well lit"),
        ("red-blue, green", "red blue green"),
        ("red,blue, green", "redblue green"),
        ("1,000 red-blue", "1000 redblue"),
        ("couldnt've", "couldn't've"),
        ("couldn'tve", "couldn't've"),
        ("oclock", "o'clock"),
        ("id", "id"),
        ("U.S.", "us"),
        ('"red"/blue', "red blue"),
        ("dont", "don't"),
        ("  a\n\tBox ", "box"),
        ("theatre", "theatre"),
    ],
)
def test_normalisation_by_hand(text, expected):
    assert normalise(text) == expected
    assert normalise(expected) == expected
