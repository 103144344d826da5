from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ablations import secrets, tracking
from ablations.secrets import hidden, masked, without_login


@pytest.mark.parametrize(
    "name",
    [
        "MLFLOW_TRACKING_PASSWORD",
        "MLFLOW_TRACKING_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AZURE_STORAGE_KEY",
        "AZURE_STORAGE_ACCESS_KEY",
        "AZURE_STORAGE_CONNECTION_STRING",
        "GOOGLE_CREDENTIALS",
        "HF_TOKEN",
        "WANDB_API_KEY",
        "PGPASSWORD",
        "SLURM_JWT",
        "my_secret",
    ],
)
def test_a_value_of_such_a_name_is_hidden(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "hunter22")
    assert hidden("it is hunter22, hunter22!") == "it is ***, ***!"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKENIZERS_PARALLELISM", "disabled"),
        ("HF_TOKEN", "short"),
        ("HF_TOKEN", "  \n"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", str(Path(__file__))),
        ("GNOME_KEYRING_CONTROL", "keyring"),
        ("MLFLOW_TRACKING_USERNAME", "somebody"),
        ("MLFLOW_TRACKING_URI", "postgresql://mlflow@host/runs"),
    ],
)
def test_what_is_no_secret_stays(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    text = f"{name} is {value.partition('://')[2].partition('@')[0] or value}"
    assert hidden(text) == text


@pytest.mark.parametrize(
    "spelled",
    [
        "p@ss/w#rd?'\\1",
        "p%40ss%2Fw%23rd%3F%27%5C1",
        repr({"password": "p@ss/w#rd?'\\1"}),
        json.dumps({"password": "p@ss/w#rd?'\\1"}),
    ],
)
def test_a_password_of_a_uri_is_hidden_however_it_is_spelled(
    spelled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://user:p%40ss%2Fw%23rd%3F%27%5C1@host/runs")
    told = hidden(f"cannot connect with {spelled} to host")
    assert "ss" not in told.replace("password", "")
    assert "***" in told


def test_the_longer_of_two_secrets_leaves_no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "abcdefgh")
    monkeypatch.setenv("B_TOKEN", "abcdefgh-ijkl")
    assert hidden("abcdefgh-ijkl abcdefgh") == "*** ***"


def test_a_login_in_a_url_is_hidden_wherever_it_comes_from() -> None:
    assert hidden("GET https://me:pw@host:80/a?b=c@d") == "GET https://***@host:80/a?b=c@d"
    assert hidden("mssql://host/db?user=me&password=pw&x=1") == "mssql://host/db?user=me&password=***&x=1"
    assert hidden("mail me@host, see http://host/x@1") == "mail me@host, see http://host/x@1"


@pytest.mark.parametrize(
    ("uri", "bare"),
    [
        ("postgresql+psycopg://me:p@ss/w#rd@host:1/db?sslmode=require", "postgresql+psycopg://host:1/db"),
        ("https://token@host/mlflow", "https://host/mlflow"),
        ("mssql://host/db?odbc_connect=UID%3Dme%3BPWD%3Dpw", "mssql://host/db"),
        ("http://host:5000", "http://host:5000"),
        ("sqlite:////odd/a:b@c/x?y.db", "sqlite:////odd/a:b@c/x?y.db"),
    ],
)
def test_a_uri_without_its_login(uri: str, bare: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert without_login(uri) == bare
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert tracking.default_uri() == bare
    assert tracking.with_login(bare) == uri
    assert tracking.with_login("http://elsewhere") == "http://elsewhere"


def test_a_log_never_has_a_secret_that_comes_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hunter22")
    monkeypatch.setenv("DEPLOY_KEY", "-----BEGIN-----\nlineone11\nlinetwo22\n")
    file = tmp_path / "cell.log"
    log = masked(file)
    for piece in ("é hunt", "er22 ü\nlineone11\n", "\r 50% hunter22\r", "end hun"):
        print(piece, end="", file=log, flush=True)
    log.buffer.write(b"ter22 \xff")
    assert file.read_bytes().decode() == "é *** ü\n***\n\r 50% ***\r"
    log.close()
    assert file.read_bytes().endswith(b"\rend *** \xff")


def test_a_log_is_appended_to_and_takes_whatever_is_printed(tmp_path: Path) -> None:
    file = tmp_path / "cell.log"
    file.write_text("before\n")
    with masked(file) as log:
        print("\udcff" + "x" * 100_000, file=log)
        assert log.fileno() > 0
        assert not log.isatty()
    assert file.read_text() == "before\n\\udcff" + "x" * 100_000 + "\n"


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    with masked(tmp_path / "log") as log:

        def write(number: int) -> None:
            for _ in range(200):
                log.write(f"{number}" * 50 + "\n")

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = (tmp_path / "log").read_text().splitlines()
    assert sorted(lines) == sorted(f"{number}" * 50 for number in range(4) for _ in range(200))


_LANE = """
import sys
from ablations.secrets import kept

@kept()
def work():
    print("said hunter22")
    print("warned hunter22", file=sys.stderr)
    raise ValueError("login hunter22 refused")

work()
"""


def test_what_a_lane_prints_and_dies_of_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hunter22")
    done = subprocess.run([sys.executable, "-c", _LANE], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == "said ***\n"
    assert "warned ***" in done.stderr
    assert "ValueError: login *** refused" in done.stderr
    assert "hunter22" not in done.stdout + done.stderr


def test_an_error_without_secrets_stays_what_it_is() -> None:
    with pytest.raises(KeyError, match="plain"), secrets.kept():
        raise KeyError("plain")
