"""Decoder LMs with a mixture of experts in every n-th block, from transformers, and the losses of their routers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel, Qwen3MoeConfig, Qwen3MoeForCausalLM

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from mm1.config import Experts, Language


def qwen3_moe(config: Language, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """A Qwen3 of the configured size; without experts it is the dense model that a sparse one is compared with.

    The experts of a token are together as wide as the dense feed-forward part, so that a token meets as many
    parameters in either. Nothing is dropped: an expert takes every token it is sent.

    Raises:
        ValueError: `pretrained` is set; sparse models start from the LM's own pre-training here.
    """
    if config.pretrained is not None:
        raise ValueError("language.pretrained: a qwen3-moe is made from its configuration, not by name")
    experts, width = config.experts, int(config.width * config.mlp_ratio)
    return Qwen3MoeForCausalLM(
        Qwen3MoeConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.width,
            intermediate_size=width,
            moe_intermediate_size=width // experts.per_token,
            num_hidden_layers=config.depth,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            num_experts=experts.count,
            num_experts_per_tok=experts.per_token,
            norm_topk_prob=True,
            decoder_sparse_step=experts.every,
            router_aux_loss_coef=0.0,
            max_position_embeddings=4096,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            attn_implementation="sdpa",
        )
    )


def router_losses(logits: Sequence[Tensor], real: Tensor, experts: Experts) -> dict[str, Tensor]:
    """What keeps routers in order, as means over the sparse blocks, and how they route.

    Args:
        logits: one (tokens, experts) tensor per sparse block.
        real: (tokens,), false where there is only padding.

    Returns:
        `balance`: experts x sum of (share of tokens x mean probability) per expert, 1 when even (Switch
        Transformer, arXiv 2101.03961); `router_z`: mean squared log-sum-exp (ST-MoE, arXiv 2202.08906);
        `busiest`: the share of assignments that the busiest expert takes, times the number of experts;
        `entropy`: of the mean routing probabilities, as a share of its maximum.
    """
    found: dict[str, list[Tensor]] = {"balance": [], "router_z": [], "busiest": [], "entropy": []}
    for block in logits:
        kept = block[real].float()
        probabilities = kept.softmax(-1)
        mean = probabilities.mean(0)
        chosen = probabilities.topk(experts.per_token, dim=-1).indices
        share = functional.one_hot(chosen, experts.count).float().mean((0, 1))
        found["balance"].append(experts.count * (share * mean).sum())
        found["router_z"].append(kept.logsumexp(-1).square().mean())
        found["busiest"].append(experts.count * share.max())
        found["entropy"].append(
            -(mean * mean.clamp_min(1e-9).log()).sum() / torch.tensor(experts.count).log()
        )
    return {name: torch.stack(values).mean() for name, values in found.items()}
