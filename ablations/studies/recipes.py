"""One recipe per scale: MM1's base configuration, as dotted fields over the defaults of `mm1.config`.

MM1's base: a contrastive ViT, C-Abstractor, 45/45/10, an LM pre-trained on text first, everything unfrozen.
"""

from __future__ import annotations

from typing import Any

MICRO: dict[str, Any] = {
    "encoder.resolution": 32,
    "encoder.patch": 8,
    "encoder.learning_rate_scale": 0.05,
    "connector.type": "c-abstractor",
    "connector.tokens": 9,
    "connector.learning_rate_scale": 0.03,
    "data.mix": "mm1",
    "training.steps": 1000,
    "training.sequences": 2,
    "training.learning_rate": 1.5e-3,
    "evaluation.batch": 16,
}
"""A self-made world on a laptop: 0.2 M encoder, 0.4 M language model, two minutes a cell.

32 px is the lowest resolution at which the print is legible; small steps at a high rate learn most in a given time;
the pre-trained encoder keeps what it knows at a twentieth of the rate, and at 0.03 times it the C-Abstractor reads with
every encoder (docs/training.md).
"""

PAPER: dict[str, Any] = {
    "encoder.pretrained": "vit_large_patch14_clip_336.openai",
    "encoder.patch": 14,
    "encoder.resolution": 336,
    "connector.type": "c-abstractor",
    "connector.tokens": 144,
    "connector.depth": 3,
    "language.pretrained": "meta-llama/Llama-3.2-1B",
    "data.world": None,
    "data.sources": {
        "captions": {"format": "webdataset", "path": "data/captions/*.tar"},
        "interleaved": {"format": "obelics", "path": "data/interleaved/*.parquet"},
        "text": {"format": "jsonl", "path": "data/text/*.jsonl"},
    },
    "data.benchmarks": "data/benchmarks",
    "data.mix": "mm1",
    "training.steps": 200_000,
    "training.sequences": 512,
    "training.sequence_length": 4096,
    "training.learning_rate": 8.6e-5,
    "training.weight_decay": 8.6e-6,
    "training.warmup": 2000,
    "training.accumulate": 64,
    "training.precision": "bf16-mixed",
    "training.checkpoint_every": 1000,
    "evaluation.items": 1000,
    "evaluation.prompts.caption": "{image} A photo of {answer}\n",
    "evaluation.prompts.question": "{image} Question: {question} Short answer: {answer}\n",
    "evaluation.prompts.stop": "\n",
}
"""MM1's ablation settings with public parts; the learning rate is the paper's law at 1.2 B parameters."""

RECIPES = {"micro": MICRO, "paper": PAPER}
