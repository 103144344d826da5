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
    draft.write_text(json.dumps(data))
    os.replace(draft, path)


def read_json(path: Path) -> Any | None:
    """The data, or None if the file is missing or cut short."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


@contextmanager
def lease(path: Path) -> Iterator[bool]:
    """Hold `path` exclusively; yields whether it was free. A dead holder's lease is taken over."""
    if not _take(path):
        yield False
        return
    stop = threading.Event()
    beat = threading.Thread(target=_heartbeat, args=(path, stop), daemon=True)
    beat.start()
    try:
        yield True
    finally:
        stop.set()
        beat.join()
        path.unlink(missing_ok=True)


def holder(path: Path) -> dict[str, Any] | None:
    """Who holds a lease now, or None if it is free or its holder is dead."""
    found = read_json(path)
    if found is None:
        return None
    try:
        age = time.time() - path.stat().st_mtime
    except OSError:
        return None
    same_host = found["host"] == socket.gethostname()
    dead = same_host and not _alive(found["pid"], found.get("started"))
    return None if dead or age > STALE else found


def _take(path: Path) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and holder(path) is None:
        grave = path.with_name(f".{path.name}.{os.getpid()}.dead")
        try:
            os.rename(path, grave)  # one of several finders wins
            grave.unlink()
        except OSError:
            return False
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    me = {"pid": os.getpid(), "host": socket.gethostname(), "started": _started(os.getpid())}
    draft.write_text(json.dumps(me))
    try:
        os.link(draft, path)  # fails if somebody else holds it, and never shows a half-written lease
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def _heartbeat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(_BEAT):
        try:
            os.utime(path)
        except OSError:
            return


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
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" and pid != os.getpid() else fields[19]


def state(folder: Path) -> str:
    """`finished`, `failed`, `interrupted`, `running` or `waiting`, from a cell's or stage's folder alone."""
    if (folder / "finished.json").exists():
        return "finished"
    if holder(folder / "lease.json") is not None:
        return "running"
    if (folder / "failed.json").exists():
        return "failed"
    return "interrupted" if (folder / "progress.json").exists() else "waiting"
