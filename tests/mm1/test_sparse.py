import math

import pytest
import torch
from pydantic import ValidationError
from transformers.models.qwen3_moe.modeling_qwen3_moe import Qwen3MoeSparseMoeBlock

from mm1.config import Experiment, Experts, Language
from mm1.data.encoding import Encoder
from mm1.data.loader import PackedBatches
from mm1.data.packing import assemble
from mm1.data.sources import world_sources
from mm1.evaluation.decoding import greedy
from mm1.facts import facts
from mm1.language.sparse import qwen3_moe, router_losses
from mm1.model import MultimodalLM
from mm1.pretraining import held_out_loss, multimodal_budget, multimodal_loss, text_loss
from mm1.training import Training, fit

FOUR = Experts(count=4, every=2, per_token=2)
COUNTED = {"tokens": 90, "positions": 100, "images": 7, "corrupt": 0, "cut": 0}


def config(experts=FOUR, frozen=(), **language):
    sizes = {"type": "qwen3-moe", "width": 32, "depth": 4, "heads": 2} | language
    return Experiment(
        encoder={"resolution": 16, "width": 32, "depth": 1, "heads": 2, "frozen": "encoder" in frozen},
        connector={"type": "average-pool", "tokens": 4, "frozen": "connector" in frozen},
        language={**sizes, "experts": experts, "frozen": "language" in frozen},
        training={"steps": 20, "sequences": 2, "sequence_length": 128, "warmup": 2},
    )


def build(tokenizer, settings=None):
    torch.manual_seed(0)
    return MultimodalLM(settings or config(), tokenizer)


@pytest.fixture(scope="module")
def loud(tokenizer):
    """Large weights, so that prompts are continued differently and experts differ."""
    model = build(tokenizer).eval()
    with torch.no_grad():
        for name, weight in model.language.named_parameters():
            if weight.ndim > 1:
                weight.mul_(6 if "embed" not in name else 2)
    return model


@pytest.mark.parametrize("every, sparse", [(1, [0, 1, 2, 3]), (2, [1, 3]), (4, [3])])
def test_every_nth_block_is_sparse(tokenizer, every, sparse):
    model = qwen3_moe(config(Experts(count=4, every=every)).language, tokenizer)
    blocks = [isinstance(layer.mlp, Qwen3MoeSparseMoeBlock) for layer in model.model.layers]
    assert [place for place, is_sparse in enumerate(blocks) if is_sparse] == sparse


def test_without_experts_it_is_dense(tokenizer):
    model = qwen3_moe(config(Experts()).language, tokenizer)
    assert not any(isinstance(layer.mlp, Qwen3MoeSparseMoeBlock) for layer in model.model.layers)
    assert not [name for name, _ in model.named_parameters() if "expert" in name or "router" in name]
    ids = torch.randint(5, 100, (1, 12))
    batch = {"input_ids": ids, "position_ids": torch.arange(12).unsqueeze(0), "labels": ids}
    assert text_loss(model, batch, Experts()).keys() == {"loss"}


@pytest.mark.parametrize(
    "language",
    [{"type": "llama"}, {"depth": 1}, {"experts": {"count": 1}}, {"experts": {"count": 2, "per_token": 3}}],
)
def test_impossible_experts_are_refused(language):
    with pytest.raises(ValidationError, match=r"experts|count"):
        Language(**{"type": "qwen3-moe", "experts": {"count": 4}} | language)


def test_even_routing_has_balance_one_and_no_busiest_expert():
    logits = torch.eye(4).repeat(5, 1) * 3 + torch.eye(4).roll(1, 1).repeat(5, 1) * 2
    found = router_losses([logits, logits], torch.ones(20, dtype=torch.bool), FOUR)
    for name in ("balance", "busiest", "entropy"):
        assert float(found[name]) == pytest.approx(1)


def test_router_losses_equal_their_formulas():
    torch.manual_seed(1)
    blocks, real = [torch.randn(30, 4), 4 * torch.randn(30, 4)], torch.rand(30) < 0.7
    balance, squares = [], []
    for block in blocks:
        share, mean = [0.0] * 4, [0.0] * 4
        rows = block[real].tolist()
        for row in rows:
            total = sum(math.exp(value) for value in row)
            squares.append(math.log(total) ** 2)
            chosen = sorted(range(4), key=lambda place: -row[place])[:2]
            for place in range(4):
                share[place] += (place in chosen) / 2 / len(rows)
                mean[place] += math.exp(row[place]) / total / len(rows)
        balance.append(4 * sum(s * m for s, m in zip(share, mean, strict=True)))
    found = router_losses(blocks, real, FOUR)
    assert float(found["balance"]) == pytest.approx(sum(balance) / 2, rel=1e-5)
    assert float(found["router_z"]) == pytest.approx(sum(squares) / len(squares), rel=1e-5)
    collapsed = torch.tensor([[20.0, 19, 0, 0]]).repeat(8, 1)
    worst = router_losses([collapsed], torch.ones(8, dtype=torch.bool), FOUR)
    assert float(worst["balance"]) == pytest.approx(2, rel=1e-3)  # two of four experts take everything
    assert float(worst["busiest"]) == pytest.approx(2)


def test_padding_neither_routes_nor_counts(tokenizer):
    model = qwen3_moe(config().language, tokenizer).eval()
    ids = torch.randint(5, 100, (2, 12))
    plain = {"input_ids": ids, "position_ids": torch.arange(12).expand(2, 12), "labels": ids}
    tail = torch.full((2, 8), tokenizer.pad_token_id)
    padded = {
        "input_ids": torch.cat([ids, tail], 1),
        "position_ids": torch.cat([plain["position_ids"], torch.arange(8).expand(2, 8)], 1),
        "labels": torch.cat([ids, torch.full((2, 8), -100)], 1),
    }
    with torch.inference_mode():
        one, other = (text_loss(model, batch, FOUR) for batch in (plain, padded))
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, atol=1e-5, rtol=1e-5)


def test_losses_of_the_routers_reach_them_with_their_weights(tokenizer):
    model = qwen3_moe(config().language, tokenizer)
    ids = torch.randint(5, 100, (2, 12))
    batch = {"input_ids": ids, "position_ids": torch.arange(12).expand(2, 12), "labels": ids}
    experts = Experts(count=4, balance=0.5, router_z=0.25)
    found = text_loss(model, batch, experts)
    extra = 0.5 * found["balance"] + 0.25 * found["router_z"]
    torch.testing.assert_close(found["loss"], found["next_token_loss"] + extra)
    (routers,) = [[p for name, p in model.named_parameters() if name.endswith("mlp.gate.weight")]]
    assert len(routers) == 2
    assert all(grad.any() for grad in torch.autograd.grad(extra, routers))


def test_routing_statistics_are_logged(world, tokenizer, tmp_path):
    settings = config()
    model, reported = build(tokenizer, settings), {}
    batches = PackedBatches(
        world_sources(world),
        {"captions": 1.0, "text": 1.0},
        tokenizer,
        image_tokens=4,
        resolution=16,
        sequences=2,
        length=128,
        seed=0,
    )

    def report(phase, step, total, loss=None, metrics=None):
        reported.update({step: metrics} if metrics else {})

    def loss(model, batch):
        return multimodal_loss(model, batch, experts=settings.language.experts)

    fit(Training(model, loss, multimodal_budget(settings), "multimodal", report), batches, tmp_path)
    names = {
        f"multimodal/{name}" for name in ("balance", "router_z", "busiest", "entropy", "next_token_loss")
    }
    assert reported.keys() == {10, 20}
    assert all(names <= metrics.keys() for metrics in reported.values())
    last = reported[20]
    assert 0.9 < last["multimodal/balance"] <= 2
    assert last["multimodal/loss"] > last["multimodal/next_token_loss"]
    assert 0 < held_out_loss(model, [batches.batch(), batches.batch()]) < 10


def test_packed_documents_equal_the_same_documents_one_by_one(loud, world, tokenizer):
    encoder = Encoder(tokenizer, 4, 16, 400)
    sources = world_sources(world)
    documents = [encoder.encode(sources["interleaved"][row]) for row in range(2)]
    documents += [encoder.encode(sources["text"][0]), encoder.encode(sources["captions"][0])]

    def logits(chosen, length):
        arrays = assemble([chosen], length, 0, loud.image_token_id)
        images = [torch.tensor(image) for document in chosen for image in document.images]
        shown = torch.stack(images) if images else torch.empty(0, 3, 16, 16, dtype=torch.uint8)
        batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return loud(**batch, images=shown).logits[0]

    with torch.inference_mode():
        packed, start = logits(documents, 1200), 0
        for document in documents:
            alone = logits([document], len(document))
            torch.testing.assert_close(packed[start : start + len(document)], alone, atol=1e-3, rtol=1e-3)
            start += len(document)


def test_cached_decoding_equals_reading_everything_again(loud):
    rng = torch.Generator().manual_seed(3)
    rows = [
        [1, *[loud.image_token_id] * 4, *torch.randint(5, 130, (n,), generator=rng).tolist()] for n in (3, 11)
    ]
    images = torch.randint(0, 256, (2, 3, 16, 16), generator=rng, dtype=torch.uint8)
    with torch.inference_mode():
        shown = loud.encode_images(images)
        together = greedy(loud, rows, shown, stops={0}, limit=6, pad=0)
        for place, ids in enumerate(rows):
            said = []
            for _ in range(6):
                embedded = loud.embed(torch.tensor([ids + said]), shown[place : place + 1])
                said.append(int(loud.language(inputs_embeds=embedded).logits[0, -1].argmax()))
            assert together[place] == said
    assert together[0] != together[1]


@pytest.mark.parametrize("every", [2, 4])
@pytest.mark.parametrize("count", [4, 8])
def test_a_token_meets_as_many_parameters_as_in_the_dense_model_up_to_the_routers(tokenizer, every, count):
    sparse, dense = config(Experts(count=count, every=every)), config(Experts())
    found = [facts(one, build(tokenizer, one), COUNTED) for one in (sparse, dense)]
    routers = (4 // every) * 32 * count
    assert found[0]["active_parameters"] == found[1]["active_parameters"] + routers
    feed_forward = 3 * 32 * 96
    more = (4 // every) * feed_forward * (count / 2 - 1) + routers
    assert found[0]["non_embedding_parameters"] == found[1]["non_embedding_parameters"] + more


def size(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    "frozen, passes",
    [
        ((), (6, 6, 6)),
        (("encoder",), (2, 6, 6)),
        (("language",), (6, 6, 4)),
        (("encoder", "connector"), (2, 2, 6)),
        (("connector",), (6, 4, 6)),
        (("encoder", "language"), (2, 6, 4)),
    ],
)
def test_training_compute_counts_only_the_passes_that_are_needed(tokenizer, frozen, passes):
    """6 per parameter and position: forward 2, through 2, own weights 2; the lowest part needs no way through
    to anything below, which the formula of Kaplan et al. ignores."""
    settings = config(Experts(), frozen)
    model = build(tokenizer, settings)
    shown = COUNTED["images"] * 4
    work = [
        size(model.encoder) * shown,
        size(model.connector) * shown,
        size(model.language) * COUNTED["positions"],
    ]
    expected = sum(factor * part for factor, part in zip(passes, work, strict=True))
    assert facts(settings, model, COUNTED)["training_flops"] == pytest.approx(expected)
