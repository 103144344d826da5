"""Dense decoder LMs from transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from mm1.config import Language


def llama(config: Language, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """A Llama of the configured size, or a pre-trained causal LM by name with its embeddings resized."""
    if config.pretrained is not None:
        model = AutoModelForCausalLM.from_pretrained(config.pretrained, trust_remote_code=False)
        model.resize_token_embeddings(len(tokenizer))
        return model
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.width,
            intermediate_size=int(config.width * config.mlp_ratio),
            num_hidden_layers=config.depth,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            max_position_embeddings=4096,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            attn_implementation="sdpa",
        )
    )
