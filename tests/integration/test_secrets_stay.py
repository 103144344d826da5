"""Secrets of the environment stay there: not on disk, not in the store, not on the screen, not in a report."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import quote

import gate
import pytest
from postgres_server import Server

from ablations import tracking
from ablations.tracking.store import client, runs

NAMES = ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_CONNECTION_STRING", "MLFLOW_TRACKING_TOKEN")
SWEEP = """
axes: {gain: [1, 2], mode: [plain, careless]}
set: {steps: 20, pause: 0.1}
launch: {executor: local, workers: 1}
"""
pytestmark = pytest.mark.slow


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is not to be found anywhere; the environment has it."""
    found = {name: f"{name[:3].lower()}-{token_hex(12)}" for name in NAMES}
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "400")  # a table breaks no value in two
    return list(found.values())


def with_password(password: str, secrets: list[str]) -> list[bytes]:
    """All of them in bytes, the store's password in each way in which it is spelled."""
    return [text.encode() for text in (*secrets, password, quote(password, safe=""))]


def ablate(lab: Any, *arguments: str) -> str:
    """What a command shows."""
    command = [sys.executable, "-m", "ablations.cli", *arguments]
    environment = lab.environment()
    shown = subprocess.run(
        command, cwd=lab.folder, env=environment, capture_output=True, text=True, check=False
    )
    return shown.stdout + shown.stderr


def traces(lab: Any) -> Iterator[tuple[str, bytes]]:
    """Everything that a sweep leaves: files below the lab, runs with their artifacts, what commands say of them."""
    for run in runs(lab.uri, "tags.`ablate.kind` LIKE '%'"):
        yield run.info.run_name, repr(run.to_dictionary()).encode()
        place = Path(client(lab.uri).download_artifacts(run.info.run_id, ""))
        yield from ((str(file), file.read_bytes()) for file in place.rglob("*") if file.is_file())
    for words in (["report", "lab", "--out", "report"], ["report", "lab", "--json"], ["status"], ["doctor"]):
        yield " ".join(words), ablate(lab, *words).encode()
    yield "export-runs", ablate(lab, "export-runs", "runs.tar.xz").encode()
    subprocess.run([sys.executable, "-m", "tarfile", "-e", "runs.tar.xz"], cwd=lab.folder, check=True)
    yield from ((str(file), file.read_bytes()) for file in lab.folder.rglob("*") if file.is_file())


def command_lines() -> bytes:
    """Of all processes, as everybody on the machine sees them."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes())
        except OSError:
            continue  # it has ended
    return b"\n".join(found)


def run_and_look(lab: Any, hidden: list[bytes], wait: Callable[..., Any]) -> None:
    lab.write(SWEEP)
    launcher = lab.start()
    wait(lambda: any(lab.runs.glob("*/progress.json")), seconds=120)
    arguments = command_lines()
    output, _ = launcher.communicate(timeout=200)
    assert launcher.returncode == 1, output
    assert "*** does not open" in output
    assert {run.status for run in lab.cells().values()} == {"FINISHED", "FAILED"}
    (plan,) = lab.runs.glob("sweeps/*/plan.json")
    assert plan.parent.stat().st_mode & 0o777 == 0o700
    found = {"the console": output.encode(), "command lines": arguments, **dict(traces(lab))}
    assert {"status", "report lab --json"} <= set(found)
    assert any(b"HF_TOKEN=***" in said for name, said in found.items() if name.endswith("failure.txt"))
    assert any(b"HF_TOKEN=***" in said for name, said in found.items() if name.endswith("cell.log"))
    told = [(name, secret) for name, said in found.items() for secret in hidden if secret in said]
    assert told == []


def test_behind_a_server_with_a_login(
    lab: Any, secrets: list[str], tmp_path_factory: Any, wait: Callable[..., Any], monkeypatch: Any
) -> None:
    folder = tmp_path_factory.mktemp("server")
    with gate.opened(folder, "somebody", "p@ss/" + token_hex(8)) as store:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", store.url)
        hidden = with_password(store.password, secrets)
        run_and_look(lab, hidden, wait)
        kept = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert b"*** does not open" in kept
    assert [secret for secret in hidden if secret in kept] == []


def test_in_a_database_with_a_password(
    lab: Any, secrets: list[str], server: Server, wait: Callable[..., Any], monkeypatch: Any
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.database_uri)
    assert tracking.default_uri() == f"postgresql://127.0.0.1:{server.database}/postgres"
    run_and_look(lab, with_password(server.password, secrets), wait)
