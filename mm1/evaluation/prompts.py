"""Few-shot prompts: which shots, and in which words. The query ends right before its answer."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mm1.config import Prompts
from mm1.language.tokenizer import IMAGE

TEXT_SHOTS = 2
_SLOT = re.compile(r"\{(image|question|answer)\}")


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
    return _fill(_template(task, prompts), row, with_image)


def query(row: Mapping[str, Any], task: str, prompts: Prompts) -> str:
    """The question itself, cut right before its answer."""
    return _fill(_template(task, prompts).partition("{answer}")[0], row, with_image=True).rstrip()


def few_shot(
    row: Mapping[str, Any], pool: Sequence[Mapping[str, Any]], task: str, k: int, prompts: Prompts, seed: int
) -> tuple[str, list[int]]:
    """The whole prompt and the shots (indices into the pool) whose images it shows, in reading order.

    With `zero_shot: text-shots`, 0-shot has two examples without their images (as in OpenFlamingo).
    """
    blind = k == 0 and prompts.zero_shot == "text-shots"
    shots = choose_shots(pool, row, TEXT_SHOTS if blind else k, seed)
    solved = [example(pool[i], task, prompts, with_image=not blind) for i in shots]
    text = "".join(one if one[-1:].isspace() else f"{one} " for one in solved)
    return text + query(row, task, prompts), [] if blind else shots


def imageless(text: str) -> str:
    """Text of a data set, in which `<image>` is no placeholder."""
    return text.replace(IMAGE, " ")


def fingerprint(text: str) -> str:
    """16 hex digits that name a text."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _template(task: str, prompts: Prompts) -> str:
    return prompts.caption if task == "caption" else prompts.question


def _fill(template: str, row: Mapping[str, Any], with_image: bool) -> str:
    """All slots at once, so that braces in a question stay what they are."""
    words = {"question": imageless(row["question"]), "answer": imageless(row["answers"][0])}
    words["image"] = IMAGE if with_image else ""
    return _SLOT.sub(lambda slot: words[slot[1]], template).lstrip(" ")
