"""Few-shot answers of a model to one benchmark: pictures encoded once, prompts of like length decoded together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from mm1.config import Evaluation
from mm1.data.encoding import with_placeholders
from mm1.data.images import decode
from mm1.evaluation.benchmarks import Benchmark
from mm1.evaluation.decoding import beam, greedy
from mm1.evaluation.prompts import few_shot, fingerprint

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from mm1.model import MultimodalLM

_IMAGES_AT_ONCE = 128


@dataclass(frozen=True)
class Prompt:
    """A prompt ready for decoding.

    Attributes:
        ids: the whole document so far, M placeholders where an image stands.
        pictures: its images in reading order: places in the benchmark's test rows followed by its shots.
        row: what is known of the prediction beforehand.
    """

    ids: list[int]
    pictures: list[int]
    row: dict[str, Any]


def prompts_of(
    model: MultimodalLM, tokenizer: PreTrainedTokenizerFast, benchmark: Benchmark, k: int, config: Evaluation
) -> list[Prompt]:
    """The k-shot prompt of every test row, in order."""
    asked = [
        few_shot(row, benchmark.shots, benchmark.task, k, config.prompts, config.seed)
        for row in benchmark.test
    ]
    tokens = tokenizer([text for text, _ in asked], add_special_tokens=False)["input_ids"]
    prompts = []
    for index, (row, (text, shots), words) in enumerate(zip(benchmark.test, asked, tokens, strict=True)):
        ids = np.array([tokenizer.bos_token_id, *words])
        ids = with_placeholders(ids, model.image_token_id, model.image_tokens).tolist()
        pictures = [len(benchmark.test) + shot for shot in shots] + [index]
        prompts.append(Prompt(ids, pictures, _known(benchmark, row, k, text)))
    return prompts


def encode(
    model: MultimodalLM, benchmark: Benchmark, pictures: Iterable[int], resolution: int
) -> dict[int, Tensor]:
    """Image tokens (M, d) of the pictures that are shown at all, each encoded once."""
    rows, shown = [*benchmark.test, *benchmark.shots], sorted(set(pictures))
    tokens: dict[int, Tensor] = {}
    for start in range(0, len(shown), _IMAGES_AT_ONCE):
        chunk = shown[start : start + _IMAGES_AT_ONCE]
        pixels = np.stack([decode(rows[picture]["image"]["bytes"], resolution) for picture in chunk])
        encoded = model.encode_images(torch.from_numpy(pixels).to(model.language.device))
        tokens |= zip(chunk, encoded, strict=True)
    return tokens


def answer(
    model: MultimodalLM,
    tokenizer: PreTrainedTokenizerFast,
    prompts: list[Prompt],
    images: Mapping[int, Tensor],
    stops: set[int],
    config: Evaluation,
) -> list[dict[str, Any]]:
    """One row per prompt with what the model says, up to the stop; rows are sorted by item."""
    prompts, rows = sorted(prompts, key=lambda prompt: len(prompt.ids)), []
    for start in range(0, len(prompts), config.batch):
        batch = prompts[start : start + config.batch]
        shown = torch.stack([images[picture] for prompt in batch for picture in prompt.pictures])
        said = _continue(
            model, [prompt.ids for prompt in batch], shown, stops, tokenizer.pad_token_id, config
        )
        texts = tokenizer.batch_decode(said, skip_special_tokens=True)
        for prompt, text in zip(batch, texts, strict=True):
            rows.append({**prompt.row, "prediction": text.partition(config.prompts.stop)[0].strip()})
    return sorted(rows, key=lambda row: row["item"])


def _continue(
    model: MultimodalLM, ids: list[list[int]], images: Tensor, stops: set[int], pad: int, config: Evaluation
) -> list[list[int]]:
    limit, beams = config.decoding.max_tokens, config.decoding.beams
    if beams > 1:
        return beam(model, ids, images, stops, limit, pad, beams)
    return greedy(model, ids, images, stops, limit, pad)


def _known(benchmark: Benchmark, row: Mapping[str, Any], k: int, text: str) -> dict[str, Any]:
    """What a prediction's row says before anything is said."""
    known = {name: row[name] for name in ("item", "group")} | {"answers": list(row["answers"])}
    known |= {"benchmark": benchmark.name, "task": benchmark.task, "shots": k, "question": row["question"]}
    return known | {"prompt_hash": fingerprint(text)}
