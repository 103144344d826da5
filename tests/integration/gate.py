"""A real MLflow server behind a gate of the tests' own, which asks for a login and refuses when it is told to."""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

from postgres_server import free_port, wait_for

_HEALTH = "/health"
_BODY = {"Content-Type", "Authorization", "Accept"}


class Gate(ThreadingHTTPServer):
    """`refuse`: the status that it answers now, None while everything passes. `refused` counts what did not."""

    daemon_threads = True

    def __init__(self, user: str, password: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refuse: int | None = None
        self.refused = 0
        self.password, self.behind = password, free_port()
        login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
        self.url = f"http://{login}127.0.0.1:{self.server_port}"
        self.expected = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}" if user else None


@contextlib.contextmanager
def opened(folder: Path, user: str = "", password: str = "") -> Iterator[Gate]:
    """A gate, and behind it MLflow with what it keeps in `folder`."""
    gate = Gate(user, password)
    threading.Thread(target=gate.serve_forever, daemon=True).start()
    mlflow = _serve(folder, gate.behind)
    try:
        wait_for("127.0.0.1", gate.behind, seconds=180)
        yield gate
    finally:
        os.killpg(mlflow.pid, signal.SIGKILL)
        mlflow.wait()
        gate.shutdown()
        gate.server_close()


def _serve(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """MLflow with its store and its artifacts in `folder`."""
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder),
    ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    lean = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # eight more processes
    return subprocess.Popen(command, cwd=folder, env=lean, **quiet)


class _Handler(BaseHTTPRequestHandler):
    """Passes a request on, or does not."""

    server: Gate
    protocol_version = "HTTP/1.1"

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        login = self.server.expected in (None, self.headers.get("Authorization"))
        status = self.server.refuse or (None if login else 401)
        if status and self.path != _HEALTH:
            self.server.refused += 1
            return self._answer(status, "text/plain", b"the gate refuses", {"Retry-After": "600"})
        wire = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=60)
        kept = {name: value for name, value in self.headers.items() if name in _BODY}
        wire.request(self.command, self.path, body, kept)
        answer = wire.getresponse()
        self._answer(answer.status, answer.headers.get_content_type(), answer.read(), {})
        wire.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass

    def _answer(self, status: int, kind: str, body: bytes, more: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Says nothing."""
