"""A throw-away PostgreSQL on loopback, and an MLflow server in front of it, as many nodes would share them."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from secrets import token_hex
from urllib.parse import quote

_SERVER = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}


def missing() -> list[str]:
    """What is not installed: Debian's postgresql, the Python package psycopg."""
    absent = [] if _programs() else ["postgresql"]
    return absent + ([] if importlib.util.find_spec("psycopg") else ["psycopg"])


def _programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: path.parts[4].zfill(3))
    return found[-1].parent if found else None


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """The two servers; `url` is where MLflow answers, `database_uri` what it keeps its runs in."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ablate-postgres-"))
        self.database, self.port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._running: list[subprocess.Popen[bytes]] = []
        self.password = "p@ss/" + token_hex(8)
        (self.folder / "data").mkdir(mode=0o700)
        (self.folder / "password").write_text(self.password)
        self._as: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            user = pwd.getpwnam("postgres")
            self.folder.chmod(0o755)
            os.chown(self.folder / "data", user.pw_uid, user.pw_gid)
        command = [
            *self._as,
            _programs() / "initdb",
            "-D",
            self.folder / "data",
            "-U",
            "mlflow",
            "-A",
            "scram-sha-256",
            "--pwfile",
            self.folder / "password",
        ]
        subprocess.run(list(map(str, command)), check=True, capture_output=True, cwd=self.folder, timeout=120)

    @property
    def database_uri(self) -> str:
        """The database without the MLflow server before it."""
        login = f"mlflow:{quote(self.password, safe='')}"
        return f"postgresql://{login}@127.0.0.1:{self.database}/postgres"

    def start(self) -> None:
        """Start both and wait until MLflow answers."""
        data = self.folder / "data"
        options = [
            "-p",
            self.database,
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            f"unix_socket_directories={data}",
        ]
        command = [*self._as, _programs() / "postgres", "-D", data, *options]
        self._running.append(subprocess.Popen(list(map(str, command)), cwd=self.folder, **_SERVER))
        wait_for("127.0.0.1", self.database)
        store = os.environ | {"MLFLOW_BACKEND_STORE_URI": self.database_uri}
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "2"]
        command += ["--port", str(self.port), "--artifacts-destination", str(self.folder / "artifacts")]
        self._running.append(subprocess.Popen(command, cwd=self.folder, env=store, **_SERVER))
        end = time.monotonic() + 120
        while not self.answers():
            assert time.monotonic() < end, "the MLflow server does not answer"
            time.sleep(0.2)

    def answers(self) -> bool:
        """Whether MLflow is there."""
        try:
            return urllib.request.urlopen(f"{self.url}/health", timeout=5).status == 200
        except OSError:
            return False

    def crash(self) -> None:
        """Both are killed, as when their machine loses power."""
        for process in reversed(self._running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # PostgreSQL's own children end with it
            process.wait(timeout=30)
        self._running.clear()

    def remove(self) -> None:
        """Kill both and delete what they kept."""
        self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_for(host: str, port: int, seconds: float = 60) -> None:
    """Until somebody listens there."""
    end = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection((host, port), timeout=1).close()
        except OSError:
            assert time.monotonic() < end, f"nobody listens on port {port}"
            time.sleep(0.1)
