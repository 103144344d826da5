import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM

from mm1.data.document import Document, Picture
from mm1.data.encoding import Encoded, Encoder
from mm1.data.packing import IGNORED, Packer, assemble

PAD, BOS, EOS, IMAGE = 0, 1, 2, 4


def documents(lengths):
    rng = np.random.default_rng(0)
    return [Encoded(np.array([BOS, *rng.integers(5, 50, n - 2), EOS]), []) for n in lengths]


def cycle(pool):
    return lambda draw: pool[draw % len(pool)]


@given(st.lists(st.integers(3, 60), min_size=1, max_size=40), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_every_document_is_packed_whole_and_in_a_bounded_order(lengths, lane):
    pool = documents(lengths)
    seen = []
    packer = Packer(lambda draw: seen.append(draw) or pool[draw % len(pool)], lane, 4, 64)
    packed = [packer.pack() for _ in range(30)]
    assert all(sum(len(d) for d in row) <= 64 for row in packed)
    assert seen == list(range(lane, lane + 4 * len(seen), 4))  # this lane's draws, each once
    used = [d for row in packed for d in row]
    waiting = [number for number, _ in packer.waiting]
    assert len(used) + len(waiting) == len(seen)


@pytest.mark.parametrize("low, high", [(12, 40), (20, 180)])
def test_sequences_are_at_least_95_percent_full(low, high):
    rng = np.random.default_rng(1)
    packer = Packer(cycle(documents(rng.integers(low, high, 500))), 0, 1, 256)
    filled = [sum(len(d) for d in packer.pack()) for _ in range(200)]
    assert np.mean(filled) / 256 >= 0.95


def test_a_restored_packer_goes_on_exactly():
    pool = documents(np.random.default_rng(2).integers(5, 60, 100))
    packer = Packer(cycle(pool), 1, 4, 64)
    for _ in range(7):
        packer.pack()
    other = Packer(cycle(pool), 1, 4, 64)
    other.restore(packer.state())
    for _ in range(20):
        assert [d.ids.tolist() for d in packer.pack()] == [d.ids.tolist() for d in other.pack()]


def test_positions_restart_and_first_tokens_and_images_are_not_predicted():
    a, b = Encoded(np.array([BOS, IMAGE, IMAGE, 7, EOS]), []), Encoded(np.array([BOS, 8, EOS]), [])
    arrays = assemble([[a, b]], 10, PAD, IMAGE)
    assert arrays["position_ids"].tolist() == [[0, 1, 2, 3, 4, 0, 1, 2, 0, 1]]
    assert arrays["labels"].tolist() == [
        [IGNORED, IGNORED, IGNORED, 7, EOS, IGNORED, 8, EOS, IGNORED, IGNORED]
    ]
    assert arrays["input_ids"].tolist() == [[BOS, IMAGE, IMAGE, 7, EOS, BOS, 8, EOS, PAD, PAD]]


def test_nothing_leaks_between_packed_documents():
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=60, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4
        )
    ).eval()
    pool = documents([9, 14, 6])
    packed = {k: torch.from_numpy(v) for k, v in assemble([pool], 32, PAD, IMAGE).items()}
    embeds = model.get_input_embeddings()(packed["input_ids"])
    with torch.inference_mode():
        together = model(inputs_embeds=embeds, position_ids=packed["position_ids"], use_cache=False).logits[0]
        start = 0
        for document in pool:
            alone = model(input_ids=torch.from_numpy(document.ids)[None], use_cache=False).logits[0]
            torch.testing.assert_close(together[start : start + len(document)], alone, atol=1e-5, rtol=1e-4)
            start += len(document)


def test_a_long_document_is_cut_before_a_picture_that_does_not_fit(tokenizer, world):
    from mm1.data.sources import world_sources

    picture = world_sources(world)["captions"][0].pictures[0]
    document = Document(("a red circle", Picture(picture), "a blue square", Picture(picture)))
    encoded = Encoder(tokenizer, image_tokens=9, resolution=16, length=20).encode(document)
    assert (
        len(encoded) == 16
    )  # bos, three words, nine placeholders, three words: the second picture would not fit
    assert len(encoded.images) == 1
