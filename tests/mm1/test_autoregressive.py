import pytest
import torch

from mm1.config import Encoder
from mm1.data.world.pools import encoder_pairs
from mm1.encoders import encoders
from mm1.encoders.autoregressive import AutoregressivePixels, patches, prefix_causal
from mm1.encoders.batches import CaptionBatches, objective_loss

SIDE, PATCH = 32, 8
COUNT = (SIDE // PATCH) ** 2


def build():
    torch.manual_seed(0)
    config = Encoder(resolution=SIDE, patch=PATCH, width=32, depth=2, heads=2)
    return AutoregressivePixels(encoders.get("vit")(config), 10)


def predictions(model, images, prefix):
    """What is predicted for patches 1 .. N - 1, as `forward` does it, with a prefix of a given length."""
    mask = prefix_causal(torch.full((len(images),), prefix), COUNT).unsqueeze(1)
    pixels = model.encoder.preprocess(images)
    return model.head(model.encoder.trunk.forward_features(pixels, attn_mask=mask)[:, :-1])


def test_loss_falls_far_below_that_of_a_constant(tokenizer):
    model = build()
    batches = CaptionBatches(encoder_pairs(16, 0), tokenizer, SIDE, 16, 0)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    losses = []
    for _ in range(80):
        loss = objective_loss(model, batches.batch())["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert 0.7 < losses[0] < 1.6  # targets have mean 0 and variance 1
    assert sum(losses[-5:]) / 5 < 0.75 * sum(losses[:3]) / 3


@pytest.mark.parametrize("prefix", [1, 5, 15])
def test_no_later_patch_reaches_a_prediction_beyond_the_prefix(prefix):
    model = build().eval()
    images = torch.randint(0, 256, (1, 3, SIDE, SIDE), dtype=torch.uint8)
    with torch.inference_mode():
        before = predictions(model, images, prefix)
        for place in range(COUNT):
            row, column = divmod(place, SIDE // PATCH)
            changed = images.clone()
            changed[..., row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH] ^= 255
            after = predictions(model, changed, prefix)
            moved = (before - after).abs().amax((0, 2)) > 0  # index i: the prediction of patch i + 1
            if place < prefix:
                assert moved.all()  # the prefix is seen by all, in both directions
            else:
                assert not moved[:place].any()
                assert moved[place:].all()


def test_only_patches_beyond_the_prefix_bear_the_loss(monkeypatch):
    model = build().eval()
    images = torch.randint(0, 256, (2, 3, SIDE, SIDE), dtype=torch.uint8)
    prefix = torch.tensor([3, 15])
    monkeypatch.setattr(torch, "randint", lambda *_, **__: prefix)
    with torch.inference_mode():
        target = patches(model.encoder.preprocess(images), PATCH)
        errors = []
        for row, length in enumerate(prefix.tolist()):
            said = predictions(model, images[row : row + 1], length)[0]
            errors += [(said[n - 1] - target[row, n]).square().mean() for n in range(length, COUNT)]
        torch.testing.assert_close(model(images, torch.zeros(2, 1)), torch.stack(errors).mean())
    assert len(errors) == 13 + 1


def test_patches_are_those_of_the_encoder_in_its_order():
    pixels = torch.randn(2, 3, SIDE, SIDE)
    cut = patches(pixels, PATCH)
    place = 6  # second row, third column
    alone = pixels[1, :, PATCH : 2 * PATCH, 2 * PATCH : 3 * PATCH].flatten()
    expected = (alone - alone.mean()) / alone.std()
    torch.testing.assert_close(cut[1, place], expected, atol=1e-4, rtol=1e-4)
    embedded = build().encoder.trunk.patch_embed.eval()
    other = pixels.clone()
    other[1, :, PATCH : 2 * PATCH, 2 * PATCH : 3 * PATCH] += 1
    moved = (embedded(pixels) - embedded(other)).abs().amax(-1) > 0
    assert moved.nonzero().tolist() == [[1, place]]


def test_every_prefix_length_leaves_something_to_predict(monkeypatch):
    drawn = []
    real = torch.randint

    def note(*args, **more):
        drawn.append(real(*args, **more))
        return drawn[-1]

    images = torch.randint(0, 256, (64, 3, SIDE, SIDE), dtype=torch.uint8)
    model = build().eval()
    monkeypatch.setattr(torch, "randint", note)
    with torch.inference_mode():
        assert torch.isfinite(model(images, torch.zeros(64, 1)))
    assert 1 <= drawn[0].min() <= drawn[0].max() <= COUNT - 1
    assert len(drawn[0].unique()) > 8
