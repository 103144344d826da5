"""Multiple choice by log-likelihood: the choice whose tokens, after the context, have the largest sum (`acc`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mm1.evaluation.benchmarks import Benchmark
from mm1.evaluation.decoding import log_likelihoods
from mm1.evaluation.prompts import fingerprint, imageless

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from mm1.model import MultimodalLM


def choose(
    model: MultimodalLM, tokenizer: PreTrainedTokenizerFast, benchmark: Benchmark, batch: int
) -> list[dict[str, Any]]:
    """One row per item: the chosen text, and whether it is the right one. Text only."""
    pairs = _pairs(tokenizer, benchmark)
    scores: list[float] = []
    for start in range(0, len(pairs), batch):
        contexts, choices = map(list, zip(*pairs[start : start + batch], strict=True))
        scores += log_likelihoods(model, contexts, choices, tokenizer.pad_token_id)
    ends = np.cumsum([len(row["choices"]) for row in benchmark.test])[:-1]
    return [
        _row(benchmark, row, int(own.argmax()))
        for row, own in zip(benchmark.test, np.split(np.array(scores), ends), strict=True)
    ]


def _pairs(tokenizer: PreTrainedTokenizerFast, benchmark: Benchmark) -> list[tuple[list[int], list[int]]]:
    """Context and choice as tokens, for every choice; the choice as it is written after the context and a space."""
    contexts = [imageless(row["context"]) for row in benchmark.test]
    wholes = [imageless(f"{row['context']} {choice}") for row in benchmark.test for choice in row["choices"]]
    once = tokenizer(contexts, add_special_tokens=False)["input_ids"]
    before = [ids for row, ids in zip(benchmark.test, once, strict=True) for _ in row["choices"]]
    whole = tokenizer(wholes, add_special_tokens=False)["input_ids"]
    return [
        ([tokenizer.bos_token_id, *first], both[len(first) :])
        for first, both in zip(before, whole, strict=True)
    ]


def _row(benchmark: Benchmark, row: Any, chosen: int) -> dict[str, Any]:
    return {
        "item": row["item"],
        "group": row["group"],
        "answers": [row["choices"][row["answer"]]],
        "benchmark": benchmark.name,
        "task": "choice",
        "shots": 0,
        "question": row["context"],
        "prompt_hash": fingerprint(row["context"]),
        "prediction": row["choices"][chosen],
        "score": float(chosen == row["answer"]),
    }
