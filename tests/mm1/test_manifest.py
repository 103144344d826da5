"""What files hold is told by every byte, and they are read once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mm1.data import manifest as files
from mm1.data.manifest import manifest


@pytest.fixture(autouse=True)
def settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, which takes files that have just been written."""
    monkeypatch.setenv("XDG_CACHE_HOME", f"{tmp_path}/cache")
    monkeypatch.setattr(files, "_SETTLED", -(10**12))


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.bin").write_bytes(bytes(3 << 20))
    return tmp_path / "data" / "a.bin"


def edit(shard: Path) -> None:
    """One byte in the middle; size and the time of change are as before."""
    before = shard.stat()
    with shard.open("rb+") as file:
        file.seek(3 << 19)
        file.write(b"x")
    os.utime(shard, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_one_byte_in_the_middle_is_seen(shard: Path) -> None:
    first = manifest(str(shard))
    edit(shard)
    assert manifest(str(shard)) != first


def test_what_is_known_is_not_read_again(shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = manifest(str(shard.parent))
    monkeypatch.setattr(files.hashlib, "file_digest", None)
    assert manifest(str(shard.parent)) == first


def test_a_file_that_was_just_written_may_change_within_its_time_stamp(
    shard: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_SETTLED", 10**12)
    manifest(str(shard))
    assert not files._cache().exists()


def test_a_cache_that_cannot_be_written_or_read_is_done_without(shard: Path) -> None:
    first = manifest(str(shard))
    files._cache().write_text('{"cut sh')
    assert manifest(str(shard)) == first
    files._cache().unlink()
    files._cache().mkdir()
    assert manifest(str(shard)) == first


def test_names_count_and_no_file_is_none(shard: Path) -> None:
    first = manifest(f"{shard.parent}/*.bin")
    shard.rename(shard.with_name("b.bin"))
    assert manifest(f"{shard.parent}/*.bin") != first
    assert manifest(f"{shard.parent}/*.tar") is None
