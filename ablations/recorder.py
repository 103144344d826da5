"""Progress on disk and step metrics on their way to the store; a store that is away stops nothing."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ablations.files import read_json, write_json
from ablations.system import Interrupted
from ablations.tracking import is_passing

Result = TypeVar("Result")
Point = tuple[str, float, int, int]
_PROGRESS_EVERY, _SEND_EVERY, _SEND_POINTS = 0.5, 5.0, 200
_PATIENCE, _LONGEST_PAUSE = 600.0, 30.0


class Recorder:
    """Writes progress.json for people and sends step metrics (name, value, milliseconds, step) in batches.

    Metrics wait in metrics.jsonl until they are sent, so that those of a killed process are not lost; all are
    delivered before the cell is finished.

    Attributes:
        send: how points reach the store; None while there is no run.
        should_stop: ends the waiting for a store that is away.
        alive: is told how far the work is, so that a silent one is known to hang.
    """

    def __init__(
        self,
        folder: Path,
        should_stop: Callable[[], bool] = lambda: False,
        alive: Callable[[str], None] = lambda where: None,
    ) -> None:
        self.folder, self.should_stop, self.alive = folder, should_stop, alive
        self.send: Callable[[list[Point]], None] | None = None
        self._begun = time.monotonic()  # the clock on the wall may be set while a cell runs
        self._before = (read_json(folder / "progress.json") or {}).get("seconds", 0.0)
        self._unsent = 0  # points since the last try
        self._phase, self._phase_begun = {"phase": "", "phase_step": 0}, self._begun
        self._written, self._sent, self._pause = 0.0, time.monotonic(), _SEND_EVERY
        self._waiting = folder / "metrics.jsonl"

    def seconds(self) -> float:
        """Work so far, with that of earlier attempts which this one goes on from."""
        return self._before + time.monotonic() - self._begun

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
        self.alive(f"{phase} step {step}/{total}")
        if phase != self._phase["phase"]:
            self._phase, self._phase_begun = {"phase": phase, "phase_step": step}, now
        if now - self._written >= _PROGRESS_EVERY or step == total:
            self._written = now
            self._write(step, total, loss)
        if metrics:
            stamp = int(time.time() * 1000)
            self._keep([(name, float(value), stamp, step) for name, value in metrics.items()])
        if self._unsent and (self._unsent >= _SEND_POINTS or now - self._sent >= self._pause):
            self._try_send()

    def flush(self) -> None:
        """Deliver everything, also what waits on disk; the store may take up to ten minutes to come back."""
        self.deliver(self.send_all)

    def send_all(self) -> None:
        """Send what waits, once. The store ignores points that it has."""
        if self.send is None or not self._waiting.exists():
            return
        self.send(list(map(tuple, _whole_lines(self._waiting))))
        self._waiting.unlink()
        self._unsent = 0

    def deliver(self, call: Callable[[], Result]) -> Result:
        """Call until the store takes it, with growing pauses; after ten minutes its error is the cell's.

        Raises:
            Interrupted: a stop was asked for while waiting.
        """
        begun, pause = time.monotonic(), 0.5
        while True:
            self.alive("a call to the tracking store")
            try:
                return call()
            except Exception as error:
                if time.monotonic() - begun > _PATIENCE or not is_passing(error):
                    raise
                if self.should_stop():
                    raise Interrupted(f"stopped while the tracking store was away: {error}") from error
                print(f"tracking store: {error}; trying again in {pause:.1f} s")
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _write(self, step: int, total: int, loss: float | None) -> None:
        spent = {"seconds": self.seconds(), "phase_seconds": time.monotonic() - self._phase_begun}
        about = {**spent, "updated": time.time(), "pid": os.getpid()}
        write_json(
            self.folder / "progress.json",
            {**self._phase, "step": step, "total": total, "loss": loss, **about},
        )

    def _keep(self, points: list[Point]) -> None:
        with open(self._waiting, "a") as file:
            file.writelines("\n" + json.dumps(point) for point in points)  # ends a line that was cut short
        self._unsent += len(points)

    def _try_send(self) -> None:
        """Send once; a store that is away is asked less and less often, for each try costs time."""
        try:
            self.send_all()
            self._pause = _SEND_EVERY
        except Exception as error:
            self._unsent = 0
            self._pause = min(2 * self._pause, 4 * _LONGEST_PAUSE)
            print(f"tracking store: {error}; metrics are kept on disk")
        self._sent = time.monotonic()


def _whole_lines(file: Path) -> list[Any]:
    """The JSON of every line; one that a killed process left half-written is passed over."""
    found = []
    for line in file.read_text().splitlines():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found
