"""Batches of packed sequences, with a state that restores them bit for bit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
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

_LANES = 16
"""At least so many virtual lanes, in whole steps: sequence s is made by lane s % lanes, and rank r owns the lanes with
v % world == r. So the order of documents depends neither on ranks nor on accumulation."""
_LENIENT = 100
_COUNTS = ("drawn", "corrupt", "cut")


class CorruptData(RuntimeError):
    """More documents than allowed could not be read."""


class PackedBatches:
    """An endless iterable of batches.

    A batch is a dict of tensors: `input_ids`, `position_ids`, `labels` (B, T) int64, `images` (N, 3, R, R) uint8 in
    reading order, and `tokens`, how many positions are not padding.

    Args:
        sources: where documents come from, by name.
        weights: share of packed sequences from each source.
        sequences: sequences in an optimiser step, over all ranks.
        accumulate: batches that an optimiser step is made of.
        rank: this process, of `world`; it yields the sequences of its lanes.
        max_corrupt: share of unreadable documents above which reading fails with CorruptData.

    Raises:
        ValueError: ranks and accumulation do not divide the sequences of a step.
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
        accumulate: int = 1,
        rank: int = 0,
        world: int = 1,
        max_corrupt: float = 0.01,
    ) -> None:
        if sequences % (accumulate * world):
            raise ValueError(f"{sequences} sequences do not split over {world} ranks x {accumulate} batches")
        self.schedule = Schedule(weights, seed)
        self.sources = {name: sources[name] for name in self.schedule.names}
        self.orders = {name: Order(name, len(source), seed) for name, source in self.sources.items()}
        self.encoder = Encoder(tokenizer, image_tokens, resolution, length)
        self.pad = tokenizer.pad_token_id
        self.sequences, self.length = sequences // accumulate, length
        self.lanes = sequences * math.ceil(_LANES / sequences)
        self.rank, self.world, self.max_corrupt = rank, world, max_corrupt
        self.sequence = 0
        self.drawn = self.corrupt = self.cut = 0
        self.packers: dict[tuple[int, str], Packer] = {}

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        while True:
            yield self.batch()

    def batch(self) -> dict[str, torch.Tensor]:
        """The next step's sequences of this rank."""
        rows = self.documents()
        arrays = assemble(rows, self.length, self.pad, self.encoder.image_id)
        batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
        images = [image for row in rows for document in row for image in document.images]
        size = self.encoder.resolution
        batch["images"] = (
            torch.from_numpy(np.stack(images)) if images else torch.empty(0, 3, size, size).byte()
        )
        batch["tokens"] = torch.tensor(sum(len(document) for row in rows for document in row))
        return batch

    def documents(self) -> list[list[Encoded]]:
        """The documents of this rank's next sequences."""
        numbers = range(self.sequence, self.sequence + self.sequences)
        self.sequence += self.sequences
        mine = (number for number in numbers if number % self.world == self.rank)
        return [self._packer(number % self.lanes, self.schedule.source(number)).pack() for number in mine]

    def state_dict(self) -> dict[str, Any]:
        """Where to go on, for all ranks together: plain integers. Every rank has to call it."""
        packers = {f"{lane}/{name}": packer.state() for (lane, name), packer in self.packers.items()}
        state = {"sequence": self.sequence, "packers": packers}
        return merged(_of_all_ranks(state | {name: getattr(self, name) for name in _COUNTS}, self.world))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`, on any number of ranks; the next batch is the one that would have followed."""
        self.sequence = state["sequence"]
        self.packers = {}
        for key, packed in state["packers"].items():
            lane, _, name = key.partition("/")
            if int(lane) % self.world == self.rank:
                self._packer(int(lane), name).restore(packed)
        for name in _COUNTS:  # rank 0 goes on counting for all
            setattr(self, name, state.get(name, 0) if self.rank == 0 else 0)

    def _packer(self, lane: int, name: str) -> Packer:
        key = (lane, name)
        if key not in self.packers:
            self.packers[key] = Packer(partial(self._draw, name), lane, self.lanes, self.length)
        return self.packers[key]

    def _draw(self, name: str, number: int) -> Encoded | None:
        self.drawn += 1
        row = self.orders[name].row(number)
        try:
            document = self.encoder.encode(self.sources[name][row])
        except CorruptImage as error:
            self._count_corrupt(f"row {row} of '{name}': {error}")
            return None
        self.cut += document.cut
        return document

    def _count_corrupt(self, which: str) -> None:
        self.corrupt += 1
        if self.corrupt > max(1, self.max_corrupt * max(self.drawn, _LENIENT)):
            raise CorruptData(
                f"{self.corrupt} of {self.drawn} documents could not be read; the last: {which}"
            )


def merged(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One state from those of all ranks, which own different lanes."""
    packers = {key: packed for state in states for key, packed in state["packers"].items()}
    counts = {name: sum(state[name] for state in states) for name in _COUNTS}
    return {"sequence": states[0]["sequence"], "packers": packers, **counts}


def _of_all_ranks(state: dict[str, Any], world: int) -> list[dict[str, Any]]:
    if world == 1 or not torch.distributed.is_initialized():
        return [state]
    states: list[Any] = [None] * world
    torch.distributed.all_gather_object(states, state)
    return states
