"""The evaluation stage: every benchmark at every number of shots, each image encoded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from mm1.config import Evaluation
from mm1.evaluation.benchmarks import Benchmark, read
from mm1.evaluation.choice import choose
from mm1.evaluation.cider import cider
from mm1.evaluation.decoding import stop_ids
from mm1.evaluation.fewshot import answer, encode, prompts_of
from mm1.evaluation.prompts import fingerprint
from mm1.evaluation.vqa import accuracy

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from mm1.model import MultimodalLM


@dataclass
class Evaluated:
    """Final metrics (VQA accuracy and choice 0..100; CIDEr x 100) and one prediction per row (score 0..1; CIDEr as is).

    `digest` names the evaluated items: CIDEr depends on them.
    """

    metrics: dict[str, float]
    predictions: pd.DataFrame
    digest: str


def evaluate(
    model: MultimodalLM,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    config: Evaluation,
    resolution: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluated:
    """Evaluate `model` on the benchmarks in `folder`; `progress(done, total)` counts (benchmark, shots) pairs.

    The model comes back in the mode (training or evaluation) it was in.
    """
    benchmarks = read(folder, config.items)
    total = sum(1 if benchmark.task == "choice" else len(config.shots) for benchmark in benchmarks)
    rows: list[dict[str, Any]] = []
    done = 0
    with _evaluation_mode(model):
        for benchmark in benchmarks:
            for found in _rows(model, tokenizer, benchmark, config, resolution):
                rows += found
                done += 1
                progress(done, total)
    predictions = pd.DataFrame(rows)
    items = "\n".join(sorted(set(predictions["item"])))
    return Evaluated(_metrics(predictions), predictions, fingerprint(items))


@contextmanager
def _evaluation_mode(model: MultimodalLM) -> Iterator[None]:
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)


def _rows(
    model: MultimodalLM,
    tokenizer: PreTrainedTokenizerFast,
    benchmark: Benchmark,
    config: Evaluation,
    resolution: int,
) -> Iterator[list[dict[str, Any]]]:
    """The benchmark's predictions, one list per number of shots."""
    if benchmark.task == "choice":
        yield choose(model, tokenizer, benchmark, 4 * config.batch)
        return
    asked = [prompts_of(model, tokenizer, benchmark, k, config) for k in config.shots]
    shown = {picture for prompts in asked for prompt in prompts for picture in prompt.pictures}
    images = encode(model, benchmark, shown, resolution)
    stops = stop_ids(tokenizer, config.prompts.stop)
    for prompts in asked:
        rows = answer(model, tokenizer, prompts, images, stops, config)
        scores = _scores(benchmark.task, rows)
        yield [{**row, "score": float(score)} for row, score in zip(rows, scores, strict=True)]


def _scores(task: str, rows: list[dict[str, Any]]) -> np.ndarray:
    predictions, answers = [row["prediction"] for row in rows], [row["answers"] for row in rows]
    if task == "caption":
        return cider(predictions, answers)
    return np.array([accuracy(said, truth) for said, truth in zip(predictions, answers, strict=True)])


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
