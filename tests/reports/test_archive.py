"""Packed and restored runs give the same report; a file that is not ours restores nothing."""

from __future__ import annotations

import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ablations import tracking
from ablations.errors import UserError
from ablations.tracking.store import client
from reports.build import build


@pytest.fixture(scope="module")
def packed(store: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("packed") / "runs.tar.xz"
    assert tracking.pack(store, file, ["demo"]) == 13
    assert [path.name for path in file.parent.iterdir()] == ["runs.tar.xz"]
    return file


@pytest.fixture(scope="module")
def restored(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = f"sqlite:///{tmp_path_factory.mktemp('restored')}/mlflow.db"
    assert tracking.restore(uri, packed) == (13, 0)
    return uri


def test_the_report_is_the_same_bytes_but_for_the_ids_of_runs(
    store: str, restored: str, tmp_path: Path
) -> None:
    reports = []
    for name, uri in {"first": store, "second": restored}.items():
        build(["demo"], tmp_path / name, uri)
        files = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        reports.append({path.relative_to(tmp_path / name): path.read_bytes() for path in files})
    first, second = reports
    assert first.keys() == second.keys()
    assert [str(path) for path in first if first[path] != second[path]] in ([], ["index.html"])


def test_pictures_can_stay_out(store: str, packed: Path, tmp_path: Path) -> None:
    cell = next(
        iter(tracking.cells(store, [c["id"] for c in tracking.sweeps(store)[0].declaration["cells"]]))
    )
    client(store).log_text(cell.run_id, "no real picture", "contact_sheet.png")
    kept = {}
    for pictures in (True, False):
        tracking.pack(store, tmp_path / "runs.tar.xz", ["demo"], pictures=pictures)
        with tarfile.open(tmp_path / "runs.tar.xz") as archive:
            kept[pictures] = set(archive.getnames())
    assert kept[True] - kept[False] == {f"{cell.run_id}/artifacts/contact_sheet.png"}


def test_curves_parents_times_and_artifacts_come_back(store: str, restored: str) -> None:
    (before,), (after,) = tracking.sweeps(store), tracking.sweeps(restored)
    assert (before.start, before.experiment, before.declaration) == (
        after.start,
        after.experiment,
        after.declaration,
    )
    ids = [cell["id"] for cell in before.declaration["cells"]]
    for old, new in zip(tracking.cells(store, ids), tracking.cells(restored, ids), strict=True):
        assert (old.name, old.status, old.start, old.end) == (new.name, new.status, new.start, new.end)
        assert (old.params, old.metrics) == (new.params, new.metrics)
        assert new.tags["mlflow.parentRunId"] == after.run_id
        assert tracking.history(store, old.run_id, "multimodal/loss") == tracking.history(
            restored, new.run_id, "multimodal/loss"
        )
        paths = [tracking.predictions(uri, run) for uri, run in ((store, old), (restored, new))]
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_curve_is_looked_up_by_its_run(store: str, restored: str) -> None:
    """SQLite's planner else walks the curves of all runs, which in a store of 10,000 takes half a second."""
    for uri in (store, restored):
        with closing(sqlite3.connect(tracking.sqlite_file(uri))) as file:
            plan = file.execute(
                "EXPLAIN QUERY PLAN SELECT * FROM metrics WHERE run_uuid = 'a' AND key = 'multimodal/loss'"
                " ORDER BY timestamp, step, value"
            ).fetchone()
        assert "run_uuid=? AND key=?" in plan[-1]


def test_restoring_again_does_nothing_also_where_the_runs_came_from(
    packed: Path, restored: str, store: str
) -> None:
    assert tracking.restore(restored, packed) == (0, 13)
    assert tracking.restore(store, packed) == (0, 13)


def test_a_restore_that_was_cut_short_is_made_up(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ablations.tracking import archive

    uri, count = f"sqlite:///{tmp_path}/mlflow.db", 0

    def fail(*arguments: Any) -> None:
        nonlocal count
        count += 1
        if count == 5:
            raise ConnectionError("gone")
        tracking.log_steps(*arguments)

    monkeypatch.setattr(archive, "log_steps", fail)
    with pytest.raises(ConnectionError):
        tracking.restore(uri, packed)
    assert tracking.restore(uri, packed) == (9, 4)
    ids = [cell["id"] for cell in tracking.sweeps(uri)[0].declaration["cells"]]
    assert [run.status for run in tracking.cells(uri, ids)] == ["FINISHED"] * 12


def test_unknown_studies_pack_nothing(store: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no runs of connector"):
        tracking.pack(store, tmp_path / "x.tar.xz", ["connector"])
    with pytest.raises(UserError, match="no runs of any study"):
        tracking.pack(f"sqlite:///{tmp_path}/none.db", tmp_path / "x.tar.xz")
    assert list(tmp_path.iterdir()) == []


def tar(file: Path, entries: Callable[[tarfile.TarFile], Any]) -> None:
    with tarfile.open(file, "w:gz") as archive:
        entries(archive)


def plain(archive: tarfile.TarFile, name: str, data: bytes = b"x") -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def link(archive: tarfile.TarFile) -> None:
    entry = tarfile.TarInfo("link")
    entry.type, entry.linkname = tarfile.SYMTYPE, "/etc"
    archive.addfile(entry)


def described(**changes: Any) -> bytes:
    return json.dumps({"format": 1, "id": "a", "tags": {"ablate.kind": "cell"}, **changes}).encode()


BAD: dict[str, tuple[Callable[[tarfile.TarFile], Any], str]] = {
    "above": (lambda archive: plain(archive, "../evil"), "cannot be unpacked"),
    "absolute": (lambda archive: plain(archive, "/tmp/../../evil"), "cannot be unpacked"),
    "link": (link, "no plain file"),
    "empty": (lambda archive: None, "holds no runs"),
    "other": (lambda archive: plain(archive, "readme.txt"), "holds no runs"),
    "no json": (lambda archive: plain(archive, "a/run.json"), "describes no run"),
    "no dictionary": (lambda archive: plain(archive, "a/run.json", b"[]"), "describes no run"),
    "other id": (lambda archive: plain(archive, "a/run.json", described(id="b")), "describes no run"),
    "half": (lambda archive: plain(archive, "a/run.json", described()), "describes no run"),
    "newer": (lambda archive: plain(archive, "a/run.json", described(format=2)), "format 2"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_is_not_ours_is_refused(case: str, tmp_path: Path) -> None:
    entries, message = BAD[case]
    tar(tmp_path / "bad.tar.xz", entries)
    with pytest.raises(UserError, match=message):
        tracking.restore(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "bad.tar.xz")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.tar.xz"]
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize("data", [b"", b"no archive"])
def test_what_is_no_archive_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.tar.xz").write_bytes(data)
    with pytest.raises(UserError, match="cannot be unpacked"):
        tracking.restore(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "bad.tar.xz")


@pytest.mark.parametrize("place", range(1, 10))
def test_a_flipped_byte_is_refused(place: int, packed: Path, tmp_path: Path) -> None:
    data = bytearray(packed.read_bytes())
    data[place * len(data) // 10] ^= 0xFF
    (tmp_path / "bad.tar.xz").write_bytes(data)
    with pytest.raises(UserError, match="cannot be unpacked"):
        tracking.restore(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "bad.tar.xz")


def test_the_folder_of_the_file_is_made(store: str, tmp_path: Path) -> None:
    assert tracking.pack(store, tmp_path / "new" / "runs.tar.xz", pictures=False)
    assert (tmp_path / "new" / "runs.tar.xz").exists()
