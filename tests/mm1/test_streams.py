"""The stream of batches: one order of documents on any number of ranks, restored at any step."""

import io
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from mm1.data.document import Document, Picture
from mm1.data.loader import PackedBatches, merged

ROWS = 300
MARKS = {name: [f"{name}{row}" for row in range(ROWS)] for name in ("captions", "text")}


class Numbered:
    """Documents of 2 to 20 words, the first of which names the row; captions start with a picture."""

    def __init__(self, name):
        self.name, self.digest = name, name
        file = io.BytesIO()
        Image.new("RGB", (4, 4), "red").save(file, "PNG")
        self.picture = Picture(file.getvalue())

    def __len__(self):
        return ROWS

    def __getitem__(self, row):
        words = " ".join([MARKS[self.name][row], *["word"] * (1 + row * 7 % 19)])
        return Document((self.picture, words) if self.name == "captions" else (words,))


def word_level():
    words = ["<pad>", "<bos>", "<eos>", "<image>", "word", *MARKS["captions"], *MARKS["text"]]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        additional_special_tokens=["<image>"],
    )


TOKENIZER = word_level()
SOURCES = {name: Numbered(name) for name in MARKS}


def stream(**changes):
    fixed = {"image_tokens": 4, "resolution": 4, "sequences": 8, "length": 64, "seed": 0}
    return PackedBatches(SOURCES, {"captions": 3, "text": 1}, TOKENIZER, **(fixed | changes))


def rows(batch):
    return [tuple(row) for row in batch["input_ids"].tolist()]


def together(ranks):
    """One step's rows of all ranks, in no particular order."""
    return Counter(row for rank in ranks for row in rows(rank.batch()))


@given(st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 2]), st.integers(0, 3))
@settings(max_examples=12, deadline=None)
def test_ranks_and_accumulation_share_out_the_same_sequences(world, sequences_per_rank, seed):
    sequences = world * sequences_per_rank * 2
    whole = stream(sequences=sequences, seed=seed)
    ranks = [stream(sequences=sequences, seed=seed, rank=r, world=world, accumulate=2) for r in range(world)]
    for _ in range(3):
        assert together(ranks) + together(ranks) == together([whole])
    assert len({len(rank.batch()["input_ids"]) for rank in ranks}) == 1


@given(st.integers(0, 12), st.integers(0, 3), st.sampled_from([(1, 1), (1, 4), (2, 2), (4, 2), (8, 1)]))
@settings(max_examples=15, deadline=None)
def test_a_stream_goes_on_after_any_step_on_any_number_of_ranks(steps, seed, worlds):
    before, after = worlds
    whole = stream(seed=seed)
    stopped = [stream(seed=seed, rank=r, world=before) for r in range(before)]
    for _ in range(steps):
        whole.batch()
        together(stopped)
    state = merged([rank.state_dict() for rank in stopped])
    resumed = [stream(seed=seed, rank=r, world=after) for r in range(after)]
    for rank in resumed:
        rank.load_state_dict(state)
    for _ in range(3):
        assert together(resumed) == together([whole])
    assert sum(rank.drawn for rank in resumed) == whole.drawn


def test_a_longer_run_begins_like_a_shorter_one_and_another_seed_does_not():
    first, again, other = stream(), stream(), stream(seed=1)
    beginning = [rows(first.batch()) for _ in range(5)]
    assert [rows(again.batch()) for _ in range(9)][:5] == beginning
    assert [rows(other.batch()) for _ in range(5)] != beginning


def test_a_sequence_has_documents_of_one_source_and_the_mix_is_exact():
    batches = stream()
    sources = Counter()
    for row in (row for _ in range(10) for row in rows(batches.batch())):
        words = set(TOKENIZER.convert_ids_to_tokens(row))
        of = [name for name, marks in MARKS.items() if words & set(marks)]
        assert len(of) == 1
        sources.update(of)
    assert sources == {"captions": 60, "text": 20}


def test_every_draw_is_packed_whole_exactly_once_or_waits():
    batches = stream()
    seen = Counter()
    for _ in range(30):
        ids = [i for row in rows(batches.batch()) for i in row]
        seen.update(token for token in TOKENIZER.convert_ids_to_tokens(ids) if token in MARKS["captions"])
    expected = Counter()
    for key, state in batches.state_dict()["packers"].items():
        lane, _, name = key.partition("/")
        if name == "captions":
            shown = set(range(int(lane), state["next"], batches.lanes)) - set(state["waiting"])
            expected.update(MARKS[name][batches.orders[name].row(draw)] for draw in shown)
    assert seen == expected
    assert seen.total() > 2 * ROWS  # more than one epoch


def test_labels_are_the_tokens_but_for_images_padding_and_first_tokens():
    batch = stream().batch()
    ids, labels, positions = (batch[name].numpy() for name in ("input_ids", "labels", "position_ids"))
    hidden = (ids == TOKENIZER.pad_token_id) | (ids == 3) | (positions == 0)
    np.testing.assert_array_equal(labels, np.where(hidden, -100, ids))
    starts = ids == TOKENIZER.bos_token_id
    assert (positions[starts] == 0).all()
    assert int((ids != TOKENIZER.pad_token_id).sum()) == int(batch["tokens"])


def test_cut_documents_are_counted():
    batches = stream(length=12)
    ids = batches.batch()["input_ids"]
    assert batches.cut > 0
    assert torch.equal((ids == 3).sum(1) % 4, torch.zeros(8, dtype=torch.long))


@pytest.mark.parametrize("changes", [{"world": 3}, {"accumulate": 3}, {"world": 4, "accumulate": 4}])
def test_a_step_that_does_not_split_evenly_is_refused(changes):
    with pytest.raises(ValueError, match="8 sequences do not split over"):
        stream(**changes)
