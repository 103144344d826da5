"""Text to ids: the micro world's word-level tokenizer, or a pre-trained one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm1.config import Language

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

IMAGE = "<image>"


def load_tokenizer(config: Language) -> PreTrainedTokenizerFast:
    """A tokenizer with bos, eos, pad and `<image>`; word-level unless the LM is a pre-trained one."""
    if config.pretrained is None:
        return _world_tokenizer()
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(config.pretrained, trust_remote_code=False)
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE]})
    for missing in ("bos_token", "pad_token"):
        if getattr(tokenizer, missing) is None:
            setattr(tokenizer, missing, tokenizer.eos_token)
    return tokenizer


def _world_tokenizer() -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from mm1.data.world.grammar import vocabulary

    words = ["<pad>", "<bos>", "<eos>", "<unk>", IMAGE, *vocabulary()]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        unk_token="<unk>",
        additional_special_tokens=[IMAGE],
    )
