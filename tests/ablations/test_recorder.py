"""Step metrics reach the store whatever it does; progress.json says how far the work is."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from ablations import recorder as module
from ablations.files import read_json
from ablations.recorder import Point, Recorder
from ablations.system import Interrupted


class Store:
    """Keeps points; `away` is the error it gives instead."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.away: Exception | None = None
        self.calls = 0

    def __call__(self, points: list[Point]) -> None:
        self.calls += 1
        if self.away:
            raise self.away
        self.points += points


def recorder(folder: Path, store: Store) -> Recorder:
    made = Recorder(folder)
    made.send = store
    return made


def steps(store: Store) -> list[int]:
    return [step for _, _, _, step in store.points]


def test_points_go_in_few_batches_and_all_arrive(tmp_path: Path) -> None:
    store = Store()
    work = recorder(tmp_path, store)
    for step in range(1, 1001):
        work.report("train", step, 1000, metrics={"loss": 1 / step})
    work.flush()
    assert steps(store) == list(range(1, 1001))
    assert store.calls == 5


def test_a_store_that_is_away_stops_nothing_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SEND_EVERY", 0.0)
    store = Store()
    work = recorder(tmp_path, store)
    store.away = ConnectionError("refused")
    for step in range(1, 301):
        work.report("train", step, 300, metrics={"loss": math.nan if step == 7 else step})
    store.away = None
    work.flush()
    assert steps(store) == list(range(1, 301))
    assert math.isnan(store.points[6][1])
    assert not (tmp_path / "metrics.jsonl").exists()


def test_what_an_attempt_could_not_send_the_next_one_does(tmp_path: Path) -> None:
    first = recorder(tmp_path, Store())
    first.report("train", 1, 2, metrics={"loss": 3.0})
    store = Store()
    second = recorder(tmp_path, store)
    second.report("train", 2, 2, metrics={"loss": 2.0})
    second.flush()
    assert [(value, step) for _, value, _, step in store.points] == [(3.0, 1), (2.0, 2)]


def test_waiting_for_the_store_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    store = Store()
    store.away = ConnectionError("refused")
    work = recorder(tmp_path, store)
    work.report("train", 1, 2, metrics={"loss": 3.0})
    with pytest.raises(ConnectionError):
        work.flush()
    work.should_stop = lambda: True
    monkeypatch.setattr(module, "_PATIENCE", 60)
    with pytest.raises(Interrupted, match="store was away"):
        work.flush()


def test_a_mistake_is_not_tried_again(tmp_path: Path) -> None:
    tries: list[int] = []

    def call() -> None:
        tries.append(1)
        raise FileNotFoundError("predictions.parquet")

    with pytest.raises(FileNotFoundError):
        Recorder(tmp_path).deliver(call)
    assert len(tries) == 1


def test_progress_is_written_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    work = Recorder(tmp_path)
    work.report("train", 1, 100, loss=2.5)
    work.report("train", 2, 100, loss=2.4)
    told = read_json(tmp_path / "progress.json")
    assert (told["phase"], told["step"], told["total"], told["loss"]) == ("train", 1, 100, 2.5)
    work.report("train", 100, 100)
    assert read_json(tmp_path / "progress.json")["step"] == 100


def test_seconds_add_up_over_attempts(tmp_path: Path) -> None:
    first = Recorder(tmp_path)
    time.sleep(0.2)
    first.report("train", 1, 1)
    time.sleep(0.1)  # a pause between attempts
    second = Recorder(tmp_path)
    assert 0.2 <= second.seconds() < 0.29


@pytest.mark.parametrize("hour", [3600.0, -3600.0])
def test_a_clock_that_is_set_changes_neither_the_seconds_nor_the_estimate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hour: float
) -> None:
    clock = time.time
    first = Recorder(tmp_path)
    first.report("train", 0, 100)
    monkeypatch.setattr(time, "time", lambda: clock() + hour)
    time.sleep(0.2)
    first.report("train", 100, 100)
    told = read_json(tmp_path / "progress.json")
    assert 0.2 <= told["seconds"] < 1
    assert 0.2 <= told["phase_seconds"] < 1
    monkeypatch.setattr(time, "time", clock)
    assert 0.2 <= Recorder(tmp_path).seconds() < 1


def test_reporting_is_cheap(tmp_path: Path) -> None:
    work = recorder(tmp_path, Store())
    begun = time.perf_counter()
    for step in range(1, 5001):
        work.report("train", step, 10_000, loss=1.0, metrics={"loss": 1.0, "rate": 0.1})
    assert (time.perf_counter() - begun) / 5000 < 1e-3
