"""Documents of files that are kept from training, to measure the loss on."""

from __future__ import annotations

from dataclasses import dataclass

from mm1.data.document import Document
from mm1.data.sources import DocumentSource

_FEWEST, _MOST = 50, 1000
"""One document in so many is kept, and about so many in all."""


@dataclass(frozen=True)
class Rows:
    """Every `stride`-th document of a source (`apart`), or all the others, in their order."""

    source: DocumentSource
    stride: int
    apart: bool

    @property
    def digest(self) -> str:
        """That of the whole source."""
        return self.source.digest

    def __len__(self) -> int:
        apart = len(self.source) // self.stride
        return apart if self.apart else len(self.source) - apart

    def __getitem__(self, row: int) -> Document:
        place = (row + 1) * self.stride - 1 if self.apart else row + row // (self.stride - 1)
        return self.source[place]


def split(source: DocumentSource) -> tuple[Rows, Rows]:
    """What is trained on, and what is not: spread over all files, and nothing of fewer than fifty documents."""
    stride = max(_FEWEST, len(source) // _MOST)
    return Rows(source, stride, apart=False), Rows(source, stride, apart=True)
