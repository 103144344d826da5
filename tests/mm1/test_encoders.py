import math

import pytest
import torch
from torch.nn import functional

from mm1.config import Encoder
from mm1.data.world.pools import encoder_pairs
from mm1.encoders import encoders
from mm1.encoders.batches import CaptionBatches, objective_loss
from mm1.encoders.contrastive import ContrastivePair
from mm1.encoders.vit import build_timm


def build(**changes):
    torch.manual_seed(0)
    config = Encoder(**{"resolution": 24, "width": 32, "depth": 3, "heads": 2} | changes)
    return encoders.get(config.type)(config).eval()


def picture(resolution):
    return torch.randint(0, 256, (2, 3, resolution, resolution), dtype=torch.uint8)


@pytest.mark.parametrize("resolution, grid", [(16, (2, 2)), (24, (3, 3)), (48, (6, 6))])
def test_features_follow_the_grid(resolution, grid):
    encoder = build(resolution=resolution)
    assert encoder.grid == grid
    features = encoder(encoder.preprocess(picture(resolution)))
    assert features.shape == (2, grid[0] * grid[1], encoder.width) == (2, grid[0] ** 2, 32)


def test_preprocessing_maps_bytes_to_minus_one_and_one():
    ends = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 24, 24)
    black, white = build().preprocess(ends)
    assert black.unique().tolist() == [-1.0]
    assert white.unique().tolist() == [1.0]


def test_layer_reads_the_block_before_the_last():
    encoder = build(layer=-2)
    images = encoder.preprocess(picture(24))
    seen = {}
    encoder.trunk.blocks[-2].register_forward_hook(lambda *call: seen.update(block=call[-1]))
    features = encoder(images)
    torch.testing.assert_close(features, encoder.trunk.norm(seen["block"]))
    last = build()
    last.load_state_dict(encoder.state_dict())
    assert not torch.allclose(features, last(images), atol=1e-2)


def test_weights_of_another_resolution_are_loaded_with_resampled_positions():
    small, large = build(resolution=24), build(resolution=48)
    across = torch.tensor([-1.0, 0.0, 1.0]).view(1, 3, 1)
    with torch.no_grad():
        small.trunk.pos_embed.copy_((torch.randn(1, 1, 32) * across).repeat(1, 3, 1))
    large.load_resampled(small.state_dict())
    for name, tensor in small.trunk.state_dict().items():
        assert name == "pos_embed" or torch.equal(tensor, large.trunk.state_dict()[name])
    rows = large.trunk.pos_embed.view(6, 6, 32)
    torch.testing.assert_close(rows, rows[:1].expand(6, 6, 32))  # still the same in every row
    steps = (rows[0, 1:] - rows[0, :-1]) * small.trunk.pos_embed[0, 2].sign()
    assert (steps > 0).all()  # and still rising from column to column
    torch.testing.assert_close(rows.mean((0, 1)), torch.zeros(32), atol=1e-5, rtol=0)


def test_a_constant_image_looks_the_same_at_another_resolution():
    small, large = build(resolution=24), build(resolution=48)
    with torch.no_grad():
        small.trunk.pos_embed.copy_(torch.randn(1, 1, 32).expand(1, 9, 32))
    large.load_resampled(small.state_dict())
    one, other = (
        encoder(torch.full((1, 3, size, size), 0.3)) for encoder, size in ((small, 24), (large, 48))
    )
    torch.testing.assert_close(other, one[:, :1].expand(1, 36, 32), atol=1e-4, rtol=0)


def test_the_same_resolution_loads_exactly():
    one, other = build(), build()
    torch.nn.init.normal_(one.trunk.pos_embed)
    other.load_resampled(one.state_dict())
    images = one.preprocess(picture(24))
    assert torch.equal(one(images), other(images))


def test_a_timm_model_is_built_by_name_at_any_resolution_offline():
    trunk = build_timm("vit_tiny_patch16_224", 96, pretrained=False).eval()
    assert trunk.patch_embed.grid_size == (6, 6)
    assert trunk.forward_features(torch.zeros(1, 3, 96, 96)).shape == (1, 36 + trunk.num_prefix_tokens, 192)


def test_contrastive_loss_falls_far_below_chance(tokenizer):
    pair = ContrastivePair(build().train(), len(tokenizer))
    batches = CaptionBatches(encoder_pairs(16, 0), tokenizer, 24, 16, 0)
    optimizer = torch.optim.AdamW(pair.parameters(), 1e-3)
    losses = []
    for _ in range(36):
        loss = objective_loss(pair, batches.batch())["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[0] > 0.9 * math.log(16)
    assert sum(losses[-5:]) / 5 < 0.5 * math.log(16)


def test_equal_captions_are_not_negatives_and_padding_does_not_matter(tokenizer):
    pair = ContrastivePair(build(), len(tokenizer)).eval()
    images = picture(24)
    same, unlike = torch.tensor([[7, 8, 9], [7, 8, 9]]), torch.tensor([[7, 8, 9], [7, 8, 10]])
    with torch.inference_mode():
        assert float(pair(images, same)) == 0.0  # nothing is left to be told apart
        loss = pair(images, unlike)
        assert loss > 0
        torch.testing.assert_close(pair(images, functional.pad(unlike, (0, 4))), loss)


def test_caption_batches_go_on_where_they_stopped(tokenizer):
    pool = encoder_pairs(20, 0)
    whole = CaptionBatches(pool, tokenizer, 16, 8, 3)
    for _ in range(4):
        whole.batch()
    resumed = CaptionBatches(pool, tokenizer, 16, 8, 3)
    resumed.load_state_dict(whole.state_dict())
    expected, batch = whole.batch(), resumed.batch()
    assert all(torch.equal(expected[name], batch[name]) for name in expected)
