"""Progress on disk and step metrics on their way to the store; a store that is away for a while stops nothing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from ablations.files import write_json
from ablations.tracking import is_passing

Result = TypeVar("Result")
Point = tuple[str, float, int, int]
_PROGRESS_EVERY, _FLUSH_EVERY, _FLUSH_POINTS = 0.5, 5.0, 500
_PATIENCE, _LONGEST_PAUSE = 600.0, 30.0


class Recorder:
    """Writes progress.json for people and sends step metrics (name, value, milliseconds, step) in batches.

    Metrics that could not be sent wait in metrics.jsonl and are delivered before the cell is finished.
    """

    def __init__(self, folder: Path, send: Callable[[list[Point]], None] | None = None) -> None:
        self.folder, self.send = folder, send
        self.started = time.time()
        self.points: list[Point] = []
        self._written, self._sent = 0.0, time.monotonic()
        self.waiting = folder / "metrics.jsonl"

    def elapsed(self) -> float:
        """Seconds since this recorder began."""
        return time.time() - self.started

    def report(
        self,
        phase: str,
        step: int,
        total: int,
        loss: float | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Note how far the work is; cheap enough for every step."""
        now = time.monotonic()
        if now - self._written >= _PROGRESS_EVERY or step == total:
            self._written = now
            progress = {"phase": phase, "step": step, "total": total, "loss": loss}
            write_json(
                self.folder / "progress.json",
                {**progress, "started": self.started, "updated": time.time(), "pid": os.getpid()},
            )
        if metrics and self.send:
            stamp = int(time.time() * 1000)
            self.points += [(name, float(value), stamp, step) for name, value in metrics.items()]
            if len(self.points) >= _FLUSH_POINTS or now - self._sent >= _FLUSH_EVERY:
                self._try_send()

    def flush(self) -> None:
        """Deliver everything, also what waits on disk; the store may take up to ten minutes to come back."""
        self.deliver(self._send_all)

    def deliver(self, call: Callable[[], Result]) -> Result:
        """Call until the store takes it, with growing pauses; after ten minutes its error is the cell's error."""
        begun, pause = time.monotonic(), 0.5
        while True:
            try:
                return call()
            except Exception as error:
                if time.monotonic() - begun > _PATIENCE or not is_passing(error):
                    raise
                print(f"tracking store: {error}; trying again in {pause:.0f} s")
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _try_send(self) -> None:
        self._sent = time.monotonic()
        points, self.points = self.points, []
        try:
            self.send(points)
        except Exception as error:  # the store is away: keep the points, go on training
            print(f"tracking store: {error}; {len(points)} metrics kept on disk")
            with open(self.waiting, "a") as file:
                file.writelines(json.dumps(point) + "\n" for point in points)

    def _send_all(self) -> None:
        if self.send is None:
            return
        if self.waiting.exists():
            kept = [tuple(json.loads(line)) for line in self.waiting.read_text().splitlines()]
            self.send(kept)
            self.waiting.unlink()
        if self.points:
            self.send(self.points)
            self.points = []
