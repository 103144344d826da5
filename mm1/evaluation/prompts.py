"""Few-shot prompts: which shots, and in which words. The query ends right before its answer."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mm1.config import Prompts

TEXT_SHOTS = 2
_IMAGE = "{image}"


def choose_shots(pool: Sequence[Mapping[str, Any]], query: Mapping[str, Any], k: int, seed: int) -> list[int]:
    """Indices of k shots by the query's author, a function of (seed, item).

    The k-shot prompt's examples are the first k of any longer prompt's, so that more shots only add examples.
    Shots that are the query itself are never chosen.
    """
    own = [i for i, row in enumerate(pool) if row["group"] == query["group"] and row["item"] != query["item"]]
    if len(own) < k:
        raise ValueError(f"{k} shots asked for, but only {len(own)} by author '{query['group']}' in the pool")
    rng = np.random.default_rng([seed, zlib.crc32(query["item"].encode())])
    return [own[i] for i in rng.permutation(len(own))[:k]]


def example(row: Mapping[str, Any], task: str, prompts: Prompts, *, with_image: bool = True) -> str:
    """A solved example, the first annotator's answer filled in."""
    return _fill(row, task, prompts, with_image).replace("{answer}", row["answers"][0])


def query(row: Mapping[str, Any], task: str, prompts: Prompts) -> str:
    """The question itself, cut right before its answer."""
    return _fill(row, task, prompts, True).partition("{answer}")[0].rstrip()


def _fill(row: Mapping[str, Any], task: str, prompts: Prompts, with_image: bool) -> str:
    template = prompts.caption if task == "caption" else prompts.question
    image = "<image>" if with_image else ""
    return template.replace(_IMAGE, image).replace("{question}", row["question"]).strip()


def few_shot(
    row: Mapping[str, Any], pool: Sequence[Mapping[str, Any]], task: str, k: int, prompts: Prompts, seed: int
) -> tuple[str, list[int]]:
    """The whole prompt and the shots (indices into the pool) whose images it shows, in reading order.

    With `zero_shot: text-shots`, 0-shot has two examples without their images (as in OpenFlamingo).
    """
    if k == 0 and prompts.zero_shot == "text-shots":
        shown = choose_shots(pool, row, TEXT_SHOTS, seed)
        solved = [example(pool[i], task, prompts, with_image=False) for i in shown]
        return " ".join([*solved, query(row, task, prompts)]), []
    shots = choose_shots(pool, row, k, seed)
    return " ".join([*(example(pool[i], task, prompts) for i in shots), query(row, task, prompts)]), shots
