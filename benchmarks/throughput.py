"""Training steps in useful tokens per second: packed sequences against a padded LlavaForConditionalGeneration.

Same documents, same vision and language sizes, the same nine image tokens per image, AdamW in both.

    python -m benchmarks.throughput
"""

from __future__ import annotations

import numpy as np
import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

from benchmarks.common import interleave, report, seconds, world
from mm1.config import Experiment
from mm1.data.encoding import Encoded
from mm1.data.loader import PackedBatches
from mm1.data.packing import assemble
from mm1.data.sources import world_sources
from mm1.language.tokenizer import load_tokenizer
from mm1.model import MultimodalLM

_STEPS, _REPEATS, _SEQUENCES, _RESOLUTION = 4, 5, 8, 24


def main() -> None:
    """Measure and print the ratio."""
    config = Experiment(encoder={"resolution": _RESOLUTION}, connector={"type": "average-pool"})
    tokenizer = load_tokenizer(config.language)
    batches = documents(config, tokenizer)
    useful = sum(len(document) for rows in batches for row in rows for document in row)
    ours, theirs = MultimodalLM(config, tokenizer), llava(config, tokenizer)
    for name, model in (("ours", ours), ("llava", theirs)):
        print(f"{name}: {sum(p.numel() for p in model.parameters()):,} parameters")
    step_ours, step_theirs = trainer(ours), trainer(theirs)
    packed = [ours_batch(rows, config, tokenizer) for rows in batches]
    padded = [llava_batch(rows, tokenizer) for rows in batches]
    print(f"padding: ours {share(packed, tokenizer):.1%}, llava {share(padded, tokenizer):.1%} of positions")
    step_ours(packed[0]), step_theirs(padded[0])
    rates = interleave(
        lambda: useful / seconds(lambda: [step_ours(batch) for batch in packed]),
        lambda: useful / seconds(lambda: [step_theirs(batch) for batch in padded]),
        _REPEATS,
    )
    report("training", "useful tokens/s", *rates, more_is_better=True)


def documents(config: Experiment, tokenizer) -> list[list[list[Encoded]]]:
    """Some steps' worth of packed rows of documents of the 45/45/10 mix."""
    loader = PackedBatches(
        world_sources(world()),
        config.data.mix,
        tokenizer,
        image_tokens=config.connector.tokens,
        resolution=_RESOLUTION,
        sequences=_SEQUENCES,
        length=256,
        seed=0,
    )
    return [loader.documents() for _ in range(_STEPS)]


def ours_batch(rows: list[list[Encoded]], config: Experiment, tokenizer) -> dict[str, torch.Tensor]:
    """Packed as in training."""
    image = tokenizer.convert_tokens_to_ids("<image>")
    batch = {k: torch.from_numpy(v) for k, v in assemble(rows, 256, tokenizer.pad_token_id, image).items()}
    return batch | {"images": torch.from_numpy(images(rows))}


def llava_batch(rows: list[list[Encoded]], tokenizer) -> dict[str, torch.Tensor]:
    """The same documents, one a row, padded to the longest."""
    image, pad = tokenizer.convert_tokens_to_ids("<image>"), tokenizer.pad_token_id
    ids = [torch.from_numpy(document.ids) for row in rows for document in row]
    padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=pad)
    labels = padded.masked_fill((padded == image) | (padded == pad), -100)
    pixels = torch.from_numpy(images(rows)).float() / 127.5 - 1
    return {
        "input_ids": padded,
        "attention_mask": (padded != pad).long(),
        "labels": labels,
        "pixel_values": pixels,
    }


def images(rows: list[list[Encoded]]) -> np.ndarray:
    """All images in reading order."""
    return np.stack([image for row in rows for document in row for image in document.images])


def share(batches: list[dict[str, torch.Tensor]], tokenizer) -> float:
    """Share of padding among positions."""
    padding = sum(int((batch["input_ids"] == tokenizer.pad_token_id).sum()) for batch in batches)
    return padding / sum(batch["input_ids"].numel() for batch in batches)


def llava(config: Experiment, tokenizer) -> LlavaForConditionalGeneration:
    """LLaVA of the same sizes; its vision tower keeps all nine patches of a 24-pixel image."""
    encoder, language = config.encoder, config.language
    vision = CLIPVisionConfig(
        hidden_size=encoder.width,
        intermediate_size=4 * encoder.width,
        num_hidden_layers=encoder.depth,
        num_attention_heads=encoder.heads,
        image_size=_RESOLUTION,
        patch_size=encoder.patch,
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=language.width,
        intermediate_size=int(language.width * language.mlp_ratio),
        num_hidden_layers=language.depth,
        num_attention_heads=language.heads,
        num_key_value_heads=language.heads,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
    )
    image = tokenizer.convert_tokens_to_ids("<image>")
    settings = {
        "image_token_index": image,
        "image_token_id": image,
        "vision_feature_layer": -1,
        "image_seq_length": 9,
    }
    return LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=text, **settings))


def trainer(model: torch.nn.Module):
    """A function that does one optimiser step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def step(batch: dict[str, torch.Tensor]) -> None:
        model(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


if __name__ == "__main__":
    main()
