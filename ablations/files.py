"""The run folder: atomic JSON, leases with a heartbeat, and what a cell's folder says about its state."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STALE = 60.0
"""Seconds without a heartbeat after which a lease is free again."""
_BEAT = 5.0


def write_json(path: Path, data: Any) -> None:
    """Publish JSON in one atomic rename."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        draft.write_text(json.dumps(data))
        os.replace(draft, path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Any | None:
    """The data, or None if the file is missing or cut short."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


@contextmanager
def lease(path: Path) -> Iterator[bool]:
    """Hold `path` exclusively; yields whether it was free. A dead holder's lease is taken over."""
    me = {"pid": os.getpid(), "host": socket.gethostname(), "started": _started(os.getpid())}
    if not _take(path, me):
        yield False
        return
    stop = threading.Event()
    beat = threading.Thread(target=_heartbeat, args=(path, me, stop), daemon=True)
    beat.start()
    try:
        yield True
    finally:
        stop.set()
        beat.join()
        if read_json(path) == me:
            path.unlink(missing_ok=True)


def holder(path: Path) -> dict[str, Any] | None:
    """Who holds a lease now, or None if it is free or its holder is dead.

    On this machine the process tells (a heartbeat would lie after a sleep), elsewhere the heartbeat: it has to be near
    the present, for a clock that was set back makes the last beat of a dead holder lie in the future.
    """
    found = read_json(path)
    if found is None:
        return None
    if found["host"] == socket.gethostname():
        return found if _alive(found["pid"], found["started"]) else None
    try:
        return found if abs(time.time() - path.stat().st_mtime) <= STALE else None
    except OSError:
        return None


def _take(path: Path, me: dict[str, Any]) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    dead = read_json(path)
    if path.exists() and (holder(path) is not None or _beats(path, dead) or not _bury(path, dead)):
        return False
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        draft.write_text(json.dumps(me))
        os.link(draft, path)  # fails if somebody else holds it, and never shows a half-written lease
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


def _beats(path: Path, held: Any) -> bool:
    """Whether the heart of a lease from elsewhere beats while one listens, though dead by the clock, which may jump."""
    if held is None or held["host"] == socket.gethostname():
        return False
    end = time.monotonic() + 2.5 * _BEAT
    try:
        last = path.stat().st_mtime_ns
        while time.monotonic() < end:
            time.sleep(_BEAT / 10)
            if path.stat().st_mtime_ns != last:
                return True
    except OSError:
        return True  # it has been released or taken meanwhile
    return False


def _bury(path: Path, dead: Any) -> bool:
    """Take a dead lease away. Of several finders one wins; a lease that is not the dead one is put back."""
    grave = path.with_name(f".{path.name}.{os.getpid()}.dead")
    try:
        os.rename(path, grave)
        if read_json(grave) == dead:
            return True
        os.link(grave, path)
        return False
    except OSError:
        return False
    finally:
        grave.unlink(missing_ok=True)


def _heartbeat(path: Path, me: dict[str, Any], stop: threading.Event) -> None:
    while not stop.wait(_BEAT):
        try:
            if read_json(path) == me:
                os.utime(path)
        except OSError:
            continue  # a shared disk that is away for a moment


def _alive(pid: int, started: str | None) -> bool:
    """Whether that process still runs; the start time tells it from a later process of the same number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return started is None or _started(pid) in (started, None)


def _started(pid: int) -> str | None:
    """When a process began, in ticks; None where the system does not tell, `ended` for one not yet buried."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return "ended" if fields[0] == "Z" else fields[19]


def state(folder: Path) -> str:
    """`finished`, `pruned`, `failed`, `interrupted`, `running` or `waiting`, from a cell's or stage's folder alone."""
    if (folder / "finished.json").exists():
        return "finished"
    if (folder / "pruned.json").exists():
        return "pruned"
    if holder(folder / "lease.json") is not None:
        return "running"
    if (folder / "failed.json").exists():
        return "failed"
    return "interrupted" if (folder / "progress.json").exists() else "waiting"
