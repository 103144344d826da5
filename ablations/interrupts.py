"""Ctrl-C: once asks the lanes to stop at a checkpoint, twice ends the wait for them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def asking(stop: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) makes the file `stop`, the second is a KeyboardInterrupt."""

    def handle(number: int, frame: Any) -> None:
        if stop.exists():
            raise KeyboardInterrupt
        stop.touch()
        tell("stopping: cells save a checkpoint (Ctrl-C again kills them)")

    earlier = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


@contextmanager
def shielded() -> Iterator[None]:
    """Processes started inside never see a terminal's Ctrl-C; this process sees it afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
