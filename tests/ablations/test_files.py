"""Leases: one holder, taken over only from the dead; atomic JSON; states of a folder."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ablations import files
from ablations.files import holder, lease, read_json, state, write_json

RACE = """
import sys, time
from pathlib import Path
from ablations.files import lease
time.sleep(max(0, float(sys.argv[2]) - time.time()))
with lease(Path(sys.argv[1])) as mine:
    print(mine)
    if mine: time.sleep(1.5)
"""


def dead_lease(path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    write_json(path, {"pid": gone.pid, "host": socket.gethostname(), "started": "1"})


def test_a_lease_has_one_holder_and_is_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lease.json"
    with lease(path) as mine:
        assert mine
        assert holder(path)["pid"] == os.getpid()
        with lease(path) as second:
            assert not second
        assert holder(path)["pid"] == os.getpid(), "who did not get it does not take it away"
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("dead", [False, True])
def test_of_several_processes_one_gets_the_lease(tmp_path: Path, dead: bool) -> None:
    path = tmp_path / "lease.json"
    if dead:
        dead_lease(path)
    command = [sys.executable, "-c", RACE, str(path), str(time.time() + 1.5)]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(5)]
    answers = [racer.communicate(timeout=60)[0].strip() for racer in racers]
    assert sorted(answers) == ["False"] * 4 + ["True"]


def test_a_process_of_the_same_number_is_not_the_holder(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    write_json(path, {"pid": os.getpid(), "host": socket.gethostname(), "started": "1"})
    assert holder(path) is None
    with lease(path) as mine:
        assert mine


def test_a_killed_child_that_is_not_yet_buried_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    child = subprocess.Popen([sys.executable, "-c", RACE, str(path), "0"], stdout=subprocess.DEVNULL)
    while holder(path) is None:
        time.sleep(0.02)
    os.kill(child.pid, 9)
    while Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.02)
    assert holder(path) is None
    child.wait()


def test_elsewhere_the_heartbeat_tells(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    write_json(path, {"pid": os.getpid(), "host": "another", "started": "1"})
    assert holder(path)["host"] == "another"
    os.utime(path, (0, time.time() - files.STALE - 1))
    assert holder(path) is None


@pytest.mark.parametrize("hour", [3600, -3600])
def test_a_lease_from_elsewhere_is_not_taken_while_its_heart_beats_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hour: int
) -> None:
    monkeypatch.setattr(files, "_BEAT", 0.1)
    path, stop = tmp_path / "lease.json", threading.Event()
    write_json(path, {"pid": 1, "host": "another", "started": "1"})

    def beat() -> None:
        while not stop.wait(0.1):
            os.utime(path, (0, time.time() + hour))

    os.utime(path, (0, time.time() + hour))
    heart = threading.Thread(target=beat)
    heart.start()
    with lease(path) as mine:
        assert not mine
    stop.set()
    heart.join()
    assert holder(path) is None
    with lease(path) as mine:
        assert mine


def test_a_lease_on_this_machine_is_held_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, clock = tmp_path / "lease.json", time.time
    with lease(path):
        for hour in (3600, -3600):
            monkeypatch.setattr(time, "time", lambda hour=hour: clock() + hour)
            assert state(tmp_path) == "running"
            with lease(path) as second:
                assert not second


def test_the_heartbeat_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_BEAT", 0.05)
    path = tmp_path / "lease.json"
    with lease(path):
        os.utime(path, (0, 0))
        time.sleep(0.5)
        assert path.stat().st_mtime > time.time() - 5


def test_a_lease_that_another_has_taken_is_left_to_it(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    with lease(path):
        write_json(path, {"pid": 1, "host": "another", "started": "1"})
    assert holder(path)["host"] == "another"


def test_json_that_is_missing_or_cut_short_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert read_json(path) is None
    write_json(path, {"a": [1, None]})
    assert read_json(path) == {"a": [1, None]}
    path.write_text(json.dumps({"a": 1})[:-1])
    assert read_json(path) is None


def test_states(tmp_path: Path) -> None:
    assert state(tmp_path) == "waiting"
    write_json(tmp_path / "progress.json", {})
    assert state(tmp_path) == "interrupted"
    write_json(tmp_path / "failed.json", {})
    assert state(tmp_path) == "failed"
    with lease(tmp_path / "lease.json"):
        assert state(tmp_path) == "running"
    write_json(tmp_path / "finished.json", {})
    assert state(tmp_path) == "finished"
