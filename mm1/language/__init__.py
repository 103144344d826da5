"""Decoder language models from transformers, built by configuration."""

from mm1.registry import Registry

language_models = Registry("language model", group="mm1.language_models")
language_models.register("llama", "mm1.language.dense:llama")
language_models.register("qwen3-moe", "mm1.language.sparse:qwen3_moe")
