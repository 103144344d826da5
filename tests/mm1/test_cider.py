import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocoevalcap.cider.cider import Cider

from mm1.evaluation.cider import cider, tokenise

WORD = st.sampled_from(["a", "red", "disc", "and", "box", "left"])
REFERENCES = st.lists(st.lists(WORD, min_size=1, max_size=8).map(" ".join), min_size=1, max_size=4)
SAID = st.lists(WORD, max_size=10).map(" ".join)


@given(st.lists(st.tuples(SAID, REFERENCES), min_size=1, max_size=6))
@settings(max_examples=200, deadline=None)
def test_scores_equal_the_reference_implementation(corpus):
    said, references = zip(*corpus, strict=True)
    mean, scores = Cider().compute_score(
        dict(enumerate(references)), {i: [text] for i, text in enumerate(said)}
    )
    ours = cider(said, references)
    assert ours == pytest.approx(scores, abs=1e-6)
    assert ours.mean() == pytest.approx(mean, abs=1e-6)


def test_a_perfect_caption_scores_ten_and_one_without_a_common_word_nothing():
    references = [["a red disc at left"], ["two boxes and some star"]]
    assert cider(["a red disc at left", "nothing like it here"], references) == pytest.approx([10, 0])


def test_what_every_item_says_is_worth_nothing():
    references = [["a sign with red"], ["a sign with blue"]]
    assert cider(["a sign with", "a sign with"], references) == pytest.approx([0, 0])


def test_repeating_a_right_word_does_not_pay():
    references = [["red disc on green box"], ["some other thing at hand"]]
    once = cider(["red disc", "x"], references)[0]
    often = cider(["red disc red red red red", "x"], references)[0]
    assert 0 < often < once


def test_case_and_punctuation_do_not_count():
    assert tokenise("A red disc, and a box -- left.") == "a red disc and a box left"
    assert tokenise("is it ? no ... `` yes ''") == "is it no yes"
    assert tokenise("It isn't the dog's") == "it is n't the dog 's"
    assert tokenise('3.5 and 1,000 at 10:30 (in the U.S.), "well-lit".') == (
        "3.5 and 1,000 at 10:30 in the u.s. well-lit"
    )
    references = [["a red disc and a box"], ["some star"]]
    assert cider(["A red disc, and a box .", ""], references) == pytest.approx([10, 0])
