"""Batches of packed sequences, with a state that restores them bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mm1.data.encoding import Encoded, Encoder
from mm1.data.images import CorruptImage
from mm1.data.mix import Order, Schedule
from mm1.data.packing import Packer, assemble
from mm1.data.sources import DocumentSource

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

LANES = 16
"""Virtual lanes, fixed so that the order of documents does not depend on ranks: rank r owns lanes v % world == r."""
_LENIENT = 100


class CorruptData(RuntimeError):
    """More documents than allowed could not be read."""


class PackedBatches:
    """An endless iterable of batches.

    A batch is a dict of tensors: `input_ids`, `position_ids`, `labels` (B, T) int64, `images` (N, 3, R, R) uint8 in
    reading order, and `tokens`, how many positions are not padding.

    Args:
        sources: where documents come from, by name.
        weights: share of packed sequences from each source.
        sequences: sequences in a step over all ranks; this rank yields those of its lanes.
        max_corrupt: share of unreadable documents above which reading fails with CorruptData.
    """

    def __init__(
        self,
        sources: Mapping[str, DocumentSource],
        weights: Mapping[str, float],
        tokenizer: PreTrainedTokenizerFast,
        *,
        image_tokens: int,
        resolution: int,
        sequences: int,
        length: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        max_corrupt: float = 0.01,
    ) -> None:
        self.schedule = Schedule(weights, seed)
        self.sources = {name: sources[name] for name in self.schedule.names}
        self.orders = {name: Order(name, len(source), seed) for name, source in self.sources.items()}
        self.encoder = Encoder(tokenizer, image_tokens, resolution, length)
        self.pad = tokenizer.pad_token_id
        self.sequences, self.length = sequences, length
        self.rank, self.world, self.max_corrupt = rank, world, max_corrupt
        self.sequence = 0
        self.drawn, self.corrupt = 0, 0
        self.packers: dict[tuple[int, str], Packer] = {}

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        while True:
            yield self.batch()

    def batch(self) -> dict[str, torch.Tensor]:
        """The next step's sequences of this rank."""
        numbers = range(self.sequence, self.sequence + self.sequences)
        self.sequence += self.sequences
        rows = [self._packer(s).pack() for s in numbers if s % LANES % self.world == self.rank]
        arrays = assemble(rows, self.length, self.pad, self.encoder.image_id)
        batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
        images = [image for row in rows for document in row for image in document.images]
        size = self.encoder.resolution
        batch["images"] = (
            torch.from_numpy(np.stack(images)) if images else torch.empty(0, 3, size, size).byte()
        )
        batch["tokens"] = torch.tensor(sum(len(document) for row in rows for document in row))
        return batch

    def state_dict(self) -> dict[str, Any]:
        """Where to go on: plain integers."""
        packers = {f"{lane}/{name}": packer.state() for (lane, name), packer in self.packers.items()}
        return {"sequence": self.sequence, "drawn": self.drawn, "corrupt": self.corrupt, "packers": packers}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`; the next batch is the one that would have followed."""
        self.sequence = state["sequence"]
        self.packers = {}
        for key, packed in state["packers"].items():
            lane, _, name = key.partition("/")
            self._lane_packer(int(lane), name).restore(packed)
        self.drawn, self.corrupt = state["drawn"], state["corrupt"]

    def _packer(self, sequence: int) -> Packer:
        return self._lane_packer(sequence % LANES, self.schedule.source(sequence))

    def _lane_packer(self, lane: int, name: str) -> Packer:
        key = (lane, name)
        if key not in self.packers:
            self.packers[key] = Packer(partial(self._draw, name), lane, LANES, self.length)
        return self.packers[key]

    def _draw(self, name: str, number: int) -> Encoded | None:
        self.drawn += 1
        row = self.orders[name].row(number)
        try:
            return self.encoder.encode(self.sources[name][row])
        except CorruptImage as error:
            self.corrupt += 1
            if self.corrupt > max(1, self.max_corrupt * max(self.drawn, _LENIENT)):
                share = f"{self.corrupt} of {self.drawn} documents"
                raise CorruptData(
                    f"{share} could not be read; the last: row {row} of '{name}': {error}"
                ) from None
            return None
