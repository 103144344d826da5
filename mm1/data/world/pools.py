"""Documents drawn in memory for the pre-training stages: encoders and the LM start from data of their own."""

from __future__ import annotations

from functools import partial

from mm1.data.document import Document, Picture
from mm1.data.world.build import rows
from mm1.data.world.documents import caption_pair, text_page

USUAL_SYNTHETIC_SHARE = 0.6


class Pool:
    """Documents by row number."""

    def __init__(self, documents: list[Document], digest: str) -> None:
        self.documents, self.digest = documents, digest

    def __len__(self) -> int:
        return len(self.documents)

    def __getitem__(self, row: int) -> Document:
        return self.documents[row]


def encoder_pairs(count: int, seed: int, synthetic_share: float = USUAL_SYNTHETIC_SHARE) -> Pool:
    """`count` pictures with captions, more of them synthetic than in the LM's caption source."""
    make = partial(caption_pair, synthetic_share=synthetic_share, usual_share=USUAL_SYNTHETIC_SHARE)
    drawn = rows(make, "encoder-pairs", count, seed)
    pairs = [Document((Picture(row["image"]["bytes"]), row["caption"]), row["group"]) for row in drawn]
    return Pool(pairs, f"encoder-pairs-{count}-{seed}-{synthetic_share}")


def lm_pages(count: int, seed: int) -> Pool:
    """`count` text-only pages."""
    pages = [Document((row["text"],), row["group"]) for row in rows(text_page, "lm-pages", count, seed)]
    return Pool(pages, f"lm-pages-{count}-{seed}")
