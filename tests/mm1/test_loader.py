import pytest
import torch

from mm1.data.document import Document, Picture
from mm1.data.loader import CorruptData, PackedBatches
from mm1.data.sources import world_sources

MIX = {"captions": 45, "interleaved": 45, "text": 10}


def loader(sources, tokenizer, **changes):
    settings = {"image_tokens": 4, "resolution": 16, "sequences": 8, "length": 128, "seed": 0} | changes
    return PackedBatches(sources, settings.pop("mix", MIX), tokenizer, **settings)


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("steps", [1, 4])
def test_a_restored_loader_gives_the_next_batch_bit_for_bit(world, tokenizer, steps):
    sources = world_sources(world)
    whole = loader(sources, tokenizer)
    for _ in range(steps):
        whole.batch()
    resumed = loader(sources, tokenizer)
    resumed.load_state_dict(whole.state_dict())
    for _ in range(3):
        assert same(whole.batch(), resumed.batch())


def test_ranks_share_out_what_one_process_would_see(world, tokenizer):
    sources = world_sources(world)
    whole = loader(sources, tokenizer).batch()["input_ids"]
    parts = [loader(sources, tokenizer, rank=r, world=2).batch()["input_ids"] for r in range(2)]
    assert sorted(row for part in parts for row in part.tolist()) == sorted(whole.tolist())


def test_cells_that_differ_in_resolution_see_the_same_documents(world, tokenizer):
    sources = world_sources(world)
    small, large = (loader(sources, tokenizer, resolution=r) for r in (16, 48))
    for _ in range(3):
        a, b = small.batch(), large.batch()
        assert torch.equal(a["input_ids"], b["input_ids"])
        assert a["images"].shape[0] == b["images"].shape[0]
        assert b["images"].shape[1:] == (3, 48, 48)


def test_placeholders_match_images(world, tokenizer):
    batch = loader(world_sources(world), tokenizer).batch()
    image = tokenizer.convert_tokens_to_ids("<image>")
    assert int((batch["input_ids"] == image).sum()) == 4 * len(batch["images"])


def test_at_least_95_percent_of_positions_are_real_tokens(world, tokenizer):
    batches = loader(world_sources(world), tokenizer, length=256, image_tokens=9)
    assert sum(int(batches.batch()["tokens"]) for _ in range(20)) >= 0.95 * 20 * 8 * 256


def test_text_only_batches_have_no_images(world, tokenizer):
    batch = loader(world_sources(world), tokenizer, mix={"text": 1}).batch()
    assert batch["images"].shape == (0, 3, 16, 16)


class Damaged:
    """Every `every`-th picture is cut short."""

    def __init__(self, source, every):
        self.source, self.every, self.digest = source, every, "damaged"

    def __len__(self):
        return len(self.source)

    def __getitem__(self, row):
        document = self.source[row]
        if row % self.every:
            return document
        return Document((Picture(document.pictures[0][:40]), "a red circle"))


def test_a_corrupt_picture_is_skipped_and_counted(world, tokenizer):
    source = Damaged(world_sources(world)["captions"], 60)
    batches = loader({"captions": source}, tokenizer, mix={"captions": 1}, max_corrupt=0.1)
    for _ in range(5):
        batches.batch()
    assert batches.corrupt > 0


def test_too_many_corrupt_pictures_stop_the_run(world, tokenizer):
    source = Damaged(world_sources(world)["captions"], 3)
    batches = loader({"captions": source}, tokenizer, mix={"captions": 1}, max_corrupt=0.05)
    with pytest.raises(CorruptData, match="could not be read"):
        for _ in range(5):
            batches.batch()
