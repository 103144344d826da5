"""Documents to token ids: bos, text with `image_tokens` placeholders for each picture, eos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mm1.data.document import Document
from mm1.data.images import decode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True, slots=True)
class Encoded:
    """A document ready for packing: ids (L,) and its n images, uint8 (3, R, R) each, in reading order.

    `cut` says that its end is missing, because it was longer than a sequence.
    """

    ids: np.ndarray
    images: list[np.ndarray]
    cut: bool = False

    def __len__(self) -> int:
        return len(self.ids)


def with_placeholders(ids: np.ndarray, image_id: int, image_tokens: int) -> np.ndarray:
    """Ids (L,) with `image_tokens` placeholders in the place of every one."""
    return np.repeat(ids, np.where(ids == image_id, image_tokens, 1))


class Encoder:
    """Encodes documents, cutting those longer than `length` at `length` or before a picture that does not fit."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, image_tokens: int, resolution: int, length: int
    ) -> None:
        self.tokenizer, self.image_tokens = tokenizer, image_tokens
        self.resolution, self.length = resolution, length
        self.image_id = tokenizer.convert_tokens_to_ids("<image>")
        self._ends = (tokenizer.bos_token_id, tokenizer.eos_token_id)

    def encode(self, document: Document) -> Encoded:
        """Encode one document; an unreadable picture raises CorruptImage."""
        tokens = self.tokenizer.backend_tokenizer.encode(document.text, add_special_tokens=False).ids
        ids = np.array([self._ends[0], *tokens, self._ends[1]], dtype=np.int64)
        ids = with_placeholders(ids, self.image_id, self.image_tokens)
        pictures = document.pictures
        if cut := len(ids) > self.length:
            ids = self._cut(ids)
            pictures = pictures[: int((ids == self.image_id).sum()) // self.image_tokens]
        return Encoded(ids, [decode(picture, self.resolution) for picture in pictures], cut)

    def _cut(self, ids: np.ndarray) -> np.ndarray:
        ids = ids[: self.length]
        dangling = int((ids == self.image_id).sum()) % self.image_tokens
        return ids[: len(ids) - dangling]
