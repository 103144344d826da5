"""Batched decoding and scoring with a multimodal LM: left padding, a key-value cache, images encoded beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mm1.language.tokenizer import IMAGE

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from mm1.model import MultimodalLM


def stop_ids(tokenizer: PreTrainedTokenizerFast, stop: str) -> set[int]:
    """Ids that end an answer: the next document, the next image, or any token whose text holds `stop`."""
    texts = tokenizer.batch_decode([[token] for token in range(len(tokenizer))])
    ends = {tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.convert_tokens_to_ids(IMAGE)}
    return ends | {token for token, text in enumerate(texts) if stop in text}


def left_pad(rows: list[list[int]], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids and attention mask, both (B, T)."""
    width = max(len(row) for row in rows)
    ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows], device=device)
    lengths = torch.tensor([len(row) for row in rows], device=device).unsqueeze(1)
    mask = torch.arange(width, device=device) >= width - lengths
    return ids, mask.long()


def greedy(
    model: MultimodalLM,
    rows: list[list[int]],
    image_tokens: Tensor | None,
    stops: set[int],
    limit: int,
    pad: int,
) -> list[list[int]]:
    """Continue every prompt greedily up to and including a stop id, or for `limit` new tokens.

    Args:
        rows: prompts as ids, placeholders included.
        image_tokens: (N, M, d) of all prompts in reading order, or None.
    """
    ids, mask = left_pad(rows, pad, model.language.device)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    output = model.language(
        inputs_embeds=model.embed(ids, image_tokens),
        attention_mask=mask,
        position_ids=positions,
        use_cache=True,
        logits_to_keep=1,
    )
    last = positions[:, -1:]
    finished = torch.zeros(len(rows), dtype=torch.bool, device=ids.device)
    stop_ids = torch.tensor(sorted(stops), device=ids.device)
    said: list[Tensor] = []
    for _ in range(limit):
        token = output.logits[:, -1].argmax(-1)
        said.append(token.masked_fill(finished, -1))
        finished |= torch.isin(token, stop_ids)
        if finished.all() or len(said) == limit:
            break
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
        last = last + 1
        output = model.language(
            input_ids=token.unsqueeze(1),
            attention_mask=mask,
            position_ids=last,
            past_key_values=output.past_key_values,
            use_cache=True,
        )
    return [[token for token in row if token >= 0] for row in torch.stack(said, dim=1).tolist()]


def beam(
    model: MultimodalLM,
    rows: list[list[int]],
    image_tokens: Tensor | None,
    stops: set[int],
    limit: int,
    pad: int,
    beams: int,
) -> list[list[int]]:
    """The same by beam search, through transformers' own `generate`."""
    ids, mask = left_pad(rows, pad, model.language.device)
    out = model.language.generate(
        inputs_embeds=model.embed(ids, image_tokens),
        attention_mask=mask,
        max_new_tokens=limit,
        num_beams=beams,
        do_sample=False,
        eos_token_id=sorted(stops),
        pad_token_id=pad,
    )
    return [[token for token in row if token != pad] for row in out.tolist()]


def log_likelihoods(
    model: MultimodalLM, contexts: list[list[int]], continuations: list[list[int]], pad: int
) -> list[float]:
    """Sum of log-probabilities of each continuation after its context; text only."""
    rows = [context + continuation for context, continuation in zip(contexts, continuations, strict=True)]
    ids, mask = left_pad(rows, pad, model.language.device)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    longest = max(len(continuation) for continuation in continuations)
    logits = model.language(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions,
        use_cache=False,
        logits_to_keep=longest + 1,
    ).logits
    scores = logits[:, :-1].log_softmax(-1).gather(-1, ids[:, -longest:].unsqueeze(-1)).squeeze(-1)
    kept = [len(continuation) for continuation in continuations]
    return [float(row[longest - n :].sum()) for row, n in zip(scores, kept, strict=True)]
