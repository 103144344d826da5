import pytest
import torch

from mm1.config import Experiment
from mm1.data.encoding import Encoder
from mm1.data.packing import assemble
from mm1.data.sources import world_sources
from mm1.model import MultimodalLM

TINY = {
    "encoder": {"resolution": 16, "width": 32, "depth": 2, "heads": 2},
    "connector": {"tokens": 4, "depth": 0},  # blocks start at zero and let no gradient to what is in them
    "language": {"width": 32, "depth": 2, "heads": 2},
}
PARTS = sorted(TINY)


def build(tokenizer, frozen=None):
    torch.manual_seed(0)
    config = {name: {**section, "frozen": name == frozen} for name, section in TINY.items()}
    return MultimodalLM(Experiment(**config), tokenizer)


@pytest.fixture
def model(tokenizer):
    return build(tokenizer).eval()


@pytest.fixture
def documents(world, tokenizer):
    """Three pages with several pictures each, a text-only page, and a caption."""
    sources, encoder = world_sources(world), Encoder(tokenizer, 4, 16, 400)
    drawn = [sources["interleaved"][row] for row in range(3)] + [sources["text"][0], sources["captions"][0]]
    return [encoder.encode(document) for document in drawn]


def batch(model, rows, length=600):
    arrays = assemble(rows, length, 0, model.image_token_id)
    images = [torch.tensor(image) for row in rows for document in row for image in document.images]
    shown = torch.stack(images) if images else torch.empty(0, 3, 16, 16, dtype=torch.uint8)
    return {name: torch.from_numpy(array) for name, array in arrays.items()} | {"images": shown}


def test_image_tokens_land_at_the_placeholders_in_reading_order(model, documents):
    rows = [[documents[0], documents[3], documents[1]], [documents[4], documents[2]]]
    inputs, seen = batch(model, rows, 1000), {}
    model.language.register_forward_pre_hook(lambda _, args, kwargs: seen.update(kwargs), with_kwargs=True)
    with torch.inference_mode():
        model(**inputs)
        words = model.language.get_input_embeddings()(inputs["input_ids"])
    places = inputs["input_ids"] == model.image_token_id
    order = [image for row in rows for document in row for image in document.images]
    assert len(order) > 6
    landed = seen["inputs_embeds"][places].view(len(order), 4, 32)
    for tokens, image in zip(landed, order, strict=True):
        alone = model.encode_images(torch.tensor(image).unsqueeze(0))[0]
        torch.testing.assert_close(tokens, alone, atol=1e-5, rtol=1e-4)
    assert torch.equal(seen["inputs_embeds"][~places], words[~places])


def test_a_batch_without_images_is_read_by_the_language_model_alone(model, documents):
    inputs = batch(model, [[documents[3]]])
    assert inputs["images"].shape == (0, 3, 16, 16)
    with torch.inference_mode():
        loss = model(**inputs).loss
        del inputs["images"]
        alone = model.language(**inputs, use_cache=False).loss
    assert loss == alone


@pytest.mark.parametrize("frozen", [None, *PARTS])
def test_frozen_parts_get_no_gradient_and_stay_in_evaluation_mode(tokenizer, documents, frozen):
    model = build(tokenizer, frozen).train()
    model(**batch(model, [documents[:2]])).loss.backward()
    for name in PARTS:
        part = getattr(model, name)
        gradients = [parameter.grad for parameter in part.parameters()]
        assert part.training == (name != frozen)
        if name == frozen:
            assert all(gradient is None for gradient in gradients)
        else:
            assert all(gradient is not None and gradient.any() for gradient in gradients)
    held = sum(p.numel() for p in getattr(model, frozen).parameters()) if frozen else 0
    assert model.trainable_parameters() == sum(p.numel() for p in model.parameters()) - held


def test_a_batch_without_images_teaches_nothing_beside_a_frozen_language_model(tokenizer, documents):
    model = build(tokenizer, "language").train()
    model(**batch(model, [[documents[3]]])).loss.backward()
    assert not any(p.grad.any() for p in model.connector.parameters())


def test_packed_documents_with_images_equal_the_same_documents_one_by_one(model, documents):
    with torch.inference_mode():
        packed = model(**batch(model, [documents], 1200)).logits[0]
        start = 0
        for document in documents:
            alone = model(**batch(model, [[document]], len(document))).logits[0]
            torch.testing.assert_close(packed[start : start + len(document)], alone, atol=1e-4, rtol=0)
            start += len(document)


def test_the_picture_changes_what_follows_it_and_nothing_before(model, documents):
    inputs = batch(model, [[documents[0]]])
    last = int((inputs["input_ids"][0] == model.image_token_id).nonzero()[-4])  # its first placeholder
    with torch.inference_mode():
        before = model(**inputs).logits[0]
        inputs["images"][-1] = 255 - inputs["images"][-1]
        after = model(**inputs).logits[0]
    assert torch.equal(before[:last], after[:last])
    assert not torch.allclose(before[last + 4], after[last + 4])
