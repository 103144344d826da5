"""The evaluation stage: every benchmark at every number of shots, each image encoded once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mm1.config import Evaluation
from mm1.data.images import decode
from mm1.evaluation.benchmarks import Benchmark, read
from mm1.evaluation.cider import cider
from mm1.evaluation.decoding import beam, greedy, log_likelihoods
from mm1.evaluation.prompts import few_shot
from mm1.evaluation.vqa import accuracy

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from mm1.model import MultimodalLM

_IMAGES_AT_ONCE = 128


@dataclass
class Evaluated:
    """Final metrics (0-100; CIDEr x 100) and one prediction per row (score 0..1; CIDEr as is).

    `digest` names the evaluated items: CIDEr depends on them.
    """

    metrics: dict[str, float]
    predictions: pd.DataFrame
    digest: str


@dataclass(frozen=True)
class _Prompt:
    ids: list[int]
    images: list[int]
    row: dict[str, Any]


def evaluate(
    model: MultimodalLM,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    config: Evaluation,
    resolution: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluated:
    """Evaluate `model` on the benchmarks in `folder`; `progress(done, total)` counts (benchmark, shots) pairs."""
    was_training = model.training
    model.eval()
    benchmarks = read(folder, config.items)
    visual = [benchmark for benchmark in benchmarks if benchmark.task != "choice"]
    jobs = [(b, k) for b in visual for k in config.shots] + [(b, 0) for b in benchmarks if b.task == "choice"]
    frames = []
    with torch.inference_mode():
        images: dict[str, Tensor] = {}
        for done, (benchmark, k) in enumerate(jobs):
            if benchmark.task == "choice":
                frames.append(_choices(model, tokenizer, benchmark, config))
            else:
                if benchmark.name not in images:
                    images = {benchmark.name: _encode_all(model, benchmark, resolution)}
                frames.append(_few_shot(model, tokenizer, benchmark, k, images[benchmark.name], config))
            progress(done + 1, len(jobs))
    model.train(was_training)
    predictions = pd.concat(frames, ignore_index=True)
    items = "\n".join(sorted(set(predictions["item"])))
    return Evaluated(
        _metrics(predictions), predictions, hashlib.blake2b(items.encode(), digest_size=8).hexdigest()
    )


def _encode_all(model: MultimodalLM, benchmark: Benchmark, resolution: int) -> Tensor:
    """Image tokens of the test rows, then of the shots: (test + shots, M, d)."""
    rows = [*benchmark.test, *benchmark.shots]
    pixels = torch.from_numpy(np.stack([decode(row["image"]["bytes"], resolution) for row in rows]))
    device = model.language.device
    return torch.cat([model.encode_images(chunk.to(device)) for chunk in pixels.split(_IMAGES_AT_ONCE)])


def _few_shot(
    model: MultimodalLM,
    tokenizer: PreTrainedTokenizerFast,
    benchmark: Benchmark,
    k: int,
    images: Tensor,
    config: Evaluation,
) -> pd.DataFrame:
    prompts = [_prompt(model, tokenizer, benchmark, i, k, config) for i in range(len(benchmark.test))]
    prompts.sort(key=lambda prompt: len(prompt.ids))
    stops = {tokenizer.eos_token_id, tokenizer.bos_token_id, model.image_token_id}
    stops.add(tokenizer.convert_tokens_to_ids(config.prompts.stop))
    settings = {"stops": stops, "limit": config.decoding.max_tokens, "pad": tokenizer.pad_token_id}
    rows = []
    for batch in _chunks(prompts, config.batch):
        shown = images[[image for prompt in batch for image in prompt.images]]
        ids = [prompt.ids for prompt in batch]
        if config.decoding.beams > 1:
            said = beam(model, ids, shown, **settings, beams=config.decoding.beams)
        else:
            said = greedy(model, ids, shown, **settings)
        texts = tokenizer.batch_decode(said, skip_special_tokens=True)
        rows += [{**prompt.row, "prediction": text} for prompt, text in zip(batch, texts, strict=True)]
    rows.sort(key=lambda row: row["item"])
    return pd.DataFrame(rows).assign(score=_scores(benchmark.task, rows))


def _prompt(
    model: MultimodalLM,
    tokenizer: PreTrainedTokenizerFast,
    benchmark: Benchmark,
    index: int,
    k: int,
    config: Evaluation,
) -> _Prompt:
    row = benchmark.test[index]
    text, shots = few_shot(row, benchmark.shots, benchmark.task, k, config.prompts, config.seed)
    ids = np.array([tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]])
    ids = np.repeat(ids, np.where(ids == model.image_token_id, model.image_tokens, 1)).tolist()
    known = {name: row[name] for name in ("item", "group")} | {"answers": list(row["answers"])}
    known |= {"benchmark": benchmark.name, "task": benchmark.task, "shots": k, "question": row["question"]}
    known["prompt_hash"] = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    return _Prompt(ids, [len(benchmark.test) + shot for shot in shots] + [index], known)


def _scores(task: str, rows: list[dict[str, Any]]) -> np.ndarray:
    predictions, answers = [row["prediction"] for row in rows], [row["answers"] for row in rows]
    if task == "caption":
        return cider(predictions, answers)
    return np.array([accuracy(said, truth) for said, truth in zip(predictions, answers, strict=True)])


def _choices(
    model: MultimodalLM, tokenizer: PreTrainedTokenizerFast, benchmark: Benchmark, config: Evaluation
) -> pd.DataFrame:
    """Multiple choice by log-likelihood: the choice with the largest sum over its tokens."""

    def encode(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    pairs = [
        (index, [tokenizer.bos_token_id, *encode(row["context"])], encode(choice))
        for index, row in enumerate(benchmark.test)
        for choice in row["choices"]
    ]
    totals: dict[int, list[float]] = {}
    for batch in _chunks(pairs, 4 * config.batch):
        contexts, choices = [pair[1] for pair in batch], [pair[2] for pair in batch]
        for (index, _, _), total in zip(
            batch, log_likelihoods(model, contexts, choices, tokenizer.pad_token_id), strict=True
        ):
            totals.setdefault(index, []).append(total)
    rows = []
    for index, row in enumerate(benchmark.test):
        best = int(np.argmax(totals[index]))
        about = {"benchmark": benchmark.name, "task": "choice", "shots": 0, "question": row["context"]}
        about |= {"item": row["item"], "group": row["group"], "answers": [row["choices"][row["answer"]]]}
        about |= {"prediction": row["choices"][best], "score": float(best == row["answer"])}
        rows.append(
            about | {"prompt_hash": hashlib.blake2b(row["context"].encode(), digest_size=8).hexdigest()}
        )
    return pd.DataFrame(rows)


def _metrics(predictions: pd.DataFrame) -> dict[str, float]:
    visual = predictions[predictions["task"] != "choice"]
    by_shots = visual.groupby(["benchmark", "shots"])["score"].mean() * 100
    metrics = {f"eval/{name}/{k}shot": float(score) for (name, k), score in by_shots.items()}
    for k, score in by_shots.groupby("shots").mean().items():
        metrics[f"eval/average/{k}shot"] = float(score)
    text = predictions[predictions["task"] == "choice"].groupby("benchmark")["score"].mean() * 100
    metrics |= {f"eval/text/{name}": float(score) for name, score in text.items()}
    if len(text):
        metrics["eval/text/average"] = float(text.mean())
    return metrics


def _chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
