from __future__ import annotations

import http.server
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ablations import preflight
from ablations.errors import UserError


def everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_a_folder_that_can_be_made_is_fine_and_is_not_made(tmp_path: Path) -> None:
    preflight.check_writable(tmp_path / "a" / "b", "the runs folder")
    assert everything(tmp_path) == []


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"the runs folder .*file/runs.*Not a directory"):
        preflight.check_writable(tmp_path / "file" / "runs", "the runs folder")
    assert everything(tmp_path) == [tmp_path / "file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with pytest.raises(UserError, match=r"locked.*Permission denied"):
        preflight.check_writable(folder / "runs", "the runs folder")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that refuses even root")
def test_a_file_system_that_refuses_is_named() -> None:
    with pytest.raises(UserError, match="/proc/runs"):
        preflight.check_writable(Path("/proc/runs"), "the runs folder")


def test_a_store_that_is_not_there_yet_is_fine_and_is_not_made(tmp_path: Path) -> None:
    preflight.check_tracking(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert everything(tmp_path) == []


def test_a_store_that_is_there_is_fine(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as store:
        store.execute("create table runs (id int)")
    preflight.check_tracking(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert everything(tmp_path) == [tmp_path / "mlflow.db"]


_KILLED_WHILE_WRITING = """
import os, signal, sqlite3, sys
store = sqlite3.connect(sys.argv[1])
store.execute("pragma cache_size = 1")  # pages go to the file before the transaction ends
store.execute("begin")
store.executemany("insert into runs values (?)", [("x" * 3000,)] * 200)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_store_whose_writer_was_killed_is_fine(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    with sqlite3.connect(file) as store:
        store.execute("create table runs (name text)")
    store.close()
    subprocess.run([sys.executable, "-c", _KILLED_WHILE_WRITING, str(file)], check=False)
    assert (tmp_path / "mlflow.db-journal").stat().st_size > 0
    preflight.check_tracking(f"sqlite:///{file}")
    with sqlite3.connect(file) as store:
        assert store.execute("select count(*) from runs").fetchone() == (0,)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database " * 1000)
    with pytest.raises(UserError, match=r"mlflow\.db.*not a database"):
        preflight.check_tracking(f"sqlite:///{tmp_path / 'mlflow.db'}")


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns", "sqlite:///", "ftp://host"])
def test_what_mlflow_cannot_use_is_refused_with_what_it_can(uri: str) -> None:
    with pytest.raises(UserError, match="sqlite:///"):
        preflight.check_tracking(uri)


@pytest.mark.parametrize("uri", ["postgresql://me@host:abc/runs", "http://[::1"])
def test_an_address_that_is_none_is_refused(uri: str) -> None:
    with pytest.raises(UserError, match="tracking URI"):
        preflight.check_tracking(uri)


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:9", "http://no-such-host.invalid", "postgresql://127.0.0.1:9/runs"]
)
def test_a_server_that_does_not_answer_is_named(uri: str) -> None:
    with pytest.raises(UserError, match="cannot be reached") as caught:
        preflight.check_tracking(uri)
    assert uri in str(caught.value)


@pytest.fixture
def server() -> Iterator[tuple[str, list[int]]]:
    """A web server whose answers the test chooses: that on its health, and that to MLflow's client."""
    status = [200, 200]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(status[0] if self.path == "/health" else 500)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(status[1])

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"{}" if status == 200 else b"refused")

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", status
        running.shutdown()


@pytest.mark.parametrize(
    ("answer", "fine"), [(200, True), (401, True), (403, False), (404, False), (503, False)]
)
def test_a_server_has_to_be_healthy(server: tuple[str, list[int]], answer: int, fine: bool) -> None:
    uri, status = server
    status[0] = answer
    if fine:
        preflight.check_tracking(uri)
    else:
        with pytest.raises(UserError, match=str(answer)):
            preflight.check_tracking(uri)


@pytest.mark.parametrize(
    ("answer", "said"), [(401, "refuses this login"), (403, "refuses this login"), (404, "cannot be reached")]
)
def test_a_server_has_to_let_us_in(server: tuple[str, list[int]], answer: int, said: str) -> None:
    uri, status = server
    status[1] = answer
    with pytest.raises(UserError, match=said) as caught:
        preflight.check_tracking(uri)
    assert str(answer) in str(caught.value)


def test_a_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(preflight, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(UserError, match="timed out"):
        preflight.check_tracking(f"http://127.0.0.1:{silent.getsockname()[1]}")
