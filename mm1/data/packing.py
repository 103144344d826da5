"""Whole documents into sequences of a fixed length, filled from a small look-ahead, with no leakage between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mm1.data.encoding import Encoded

LOOK_AHEAD = 32
IGNORED = -100


class Packer:
    """Packs one lane's documents of one source.

    A lane takes draws `lane`, `lane + lanes`, `lane + 2 * lanes`, …; its state is the next draw and the draws that
    wait in the look-ahead, so a restored packer goes on exactly where it stopped.

    Args:
        draw: draw number -> encoded document, or None for one that has to be skipped.
    """

    def __init__(self, draw: Callable[[int], Encoded | None], lane: int, lanes: int, length: int) -> None:
        self.draw, self.lanes, self.length = draw, lanes, length
        self.next_draw = lane
        self.waiting: list[tuple[int, Encoded]] = []

    def pack(self) -> list[Encoded]:
        """The documents of the next sequence: the longest-waiting one, then the set that fills the rest best."""
        self._refill()
        chosen = [self.waiting.pop(0)[1]]
        room = self.length - len(chosen[0])
        while best := _best_fill([len(document) for _, document in self.waiting], room):
            chosen += [self.waiting[i][1] for i in best]
            room -= sum(len(self.waiting[i][1]) for i in best)
            self.waiting = [entry for i, entry in enumerate(self.waiting) if i not in best]
            self._refill()
        return chosen

    def state(self) -> dict[str, Any]:
        """Plain integers from which `restore` goes on."""
        return {"next": self.next_draw, "waiting": [number for number, _ in self.waiting]}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.next_draw = state["next"]
        self.waiting = [(number, self.draw(number)) for number in state["waiting"]]

    def _refill(self) -> None:
        while len(self.waiting) < LOOK_AHEAD:
            document = self.draw(self.next_draw)
            if document is not None:
                self.waiting.append((self.next_draw, document))
            self.next_draw += self.lanes


def _best_fill(lengths: list[int], room: int) -> set[int]:
    """Indices whose lengths add up to as much as fits, long documents before short ones (short ones fit anywhere).

    Subset sums, with the reachable ones as bits of an integer.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    within = (1 << (room + 1)) - 1
    reachable = [1]
    for i in order:
        reachable.append((reachable[-1] | reachable[-1] << lengths[i]) & within)
    total = reachable[-1].bit_length() - 1
    chosen = set()
    for before, i in zip(reachable[-2::-1], reversed(order), strict=True):
        if not before >> total & 1:
            chosen.add(i)
            total -= lengths[i]
    return chosen


def assemble(rows: list[list[Encoded]], length: int, pad: int, image_id: int) -> dict[str, np.ndarray]:
    """Packed documents -> input_ids, position_ids and labels, each (rows, length) int64.

    Positions restart with every document, which keeps documents apart in attention; the padding is a document of
    its own. A label is -100 at placeholders, at padding, and at the first token of a document (it would be
    predicted from the document before).
    """
    ids = np.full((len(rows), length), pad, dtype=np.int64)
    positions = np.empty((len(rows), length), dtype=np.int64)
    labels = np.full((len(rows), length), IGNORED, dtype=np.int64)
    count = np.arange(length)
    for row, documents in enumerate(rows):
        start = 0
        for document in documents:
            end = start + len(document)
            ids[row, start:end] = document.ids
            positions[row, start:end] = count[: end - start]
            labels[row, start + 1 : end] = document.ids[1:]
            start = end
        positions[row, start:] = count[: length - start]
    labels[labels == image_id] = IGNORED
    return {"input_ids": ids, "position_ids": positions, "labels": labels}
