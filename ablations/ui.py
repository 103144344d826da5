"""The MLflow UI on the project's store, bound to this machine."""

from __future__ import annotations

import getpass
import os
import signal
import socket
import subprocess
import sys
from typing import Any

from ablations import tracking
from ablations.errors import UserError

HOST, PORT = "127.0.0.1", 5000
_GRACE = 10


def serve(port: int) -> int:
    """Run the UI until it is interrupted; a taken port is replaced by a free one."""
    uri = tracking.default_uri()
    if uri.startswith("http"):
        print(f"The store is a server already: open {uri}")
        return 0
    if not tracking.exists(uri):
        raise UserError(f"no store at {uri}: run a study first, or name the store with --tracking-uri")
    port = port if port and _free(port) else _any_free()
    print(f"MLflow UI: http://{HOST}:{port}  (Ctrl-C ends it)")
    tunnel = f"ssh -L {port}:{HOST}:{port} {getpass.getuser()}@{socket.gethostname()}"
    print(f"From another machine: {tunnel}", flush=True)
    return _run(uri, port)


def _run(uri: str, port: int) -> int:
    """The server and its workers live and die together."""
    where = ["--host", HOST, "--port", str(port), "--workers", "1"]
    store = {"MLFLOW_BACKEND_STORE_URI": tracking.with_login(uri)}  # everybody sees the command's arguments
    environment = os.environ | store | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-m", "mlflow", "ui", *where]
    server = subprocess.Popen(command, env=environment, start_new_session=True)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _end(server)


def _terminated(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)


def _end(server: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
            server.wait(_GRACE)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) != 0


def _any_free() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]
