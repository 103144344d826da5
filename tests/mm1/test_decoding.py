import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from mm1.evaluation.decoding import beam, greedy, log_likelihoods, stop_ids


@pytest.fixture
def model(outspoken):
    return outspoken


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


def test_decoding_ends_with_a_stop_and_the_others_go_on(model, prompts):
    rows, images = prompts
    with torch.inference_mode():
        free = greedy(model, rows, images, **settings())
        stop = free[1][3]
        stopped = greedy(model, rows, images, **settings([stop]))
    assert len(stopped[1]) <= 4
    assert stopped == [said[: said.index(stop) + 1] if stop in said else said for said in free]


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
def subwords():
    """A byte-level tokenizer that, like those of real LMs, has tokens in which a line end sticks to other marks."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<bos>", "<eos>", "<image>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=280, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(["red !\n\n", "blue !\n\n"] * 50, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>"
    )


@pytest.mark.parametrize("end", ["\n", " !\n\n", "<eos>", "<image>", "<bos>"])
def test_an_answer_ends_with_the_token_that_holds_the_stop(subwords, end):
    ids, stops = subwords(f"red{end}blue")["input_ids"], stop_ids(subwords, "\n")
    last = next(place for place, token in enumerate(ids) if token in stops)
    said = subwords.decode(ids[: last + 1], skip_special_tokens=True)
    assert said.partition("\n")[0] in ("red", "red !")
    assert not stops & set(subwords("red and blue !")["input_ids"])
