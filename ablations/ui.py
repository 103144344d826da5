"""The MLflow UI on the project's store, bound to this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from ablations import tracking
from ablations.errors import UserError

HOST = "127.0.0.1"


def serve(port: int) -> int:
    """Run the UI until it is interrupted; a taken port is replaced by a free one."""
    uri = tracking.default_uri()
    if uri.startswith("http"):
        print(f"The store is a server already: open {uri}")
        return 0
    if not tracking.exists(uri):
        raise UserError(f"no store at {uri}: run a study first, or name the store with --tracking-uri")
    port = port if _free(port) else _any_free()
    print(f"MLflow UI: http://{HOST}:{port}  (Ctrl-C ends it)")
    print(f"From another machine: ssh -L {port}:{HOST}:{port} {os.environ.get('USER', 'you')}@{socket.gethostname()}")
    sys.stdout.flush()
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri, "--host", HOST, "--port", str(port)]
    try:
        return subprocess.run([*command, "--workers", "1"], check=False).returncode
    except KeyboardInterrupt:
        return 0


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) != 0


def _any_free() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]
