"""Every how-to is followed to the letter, in a copy of the project."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)(?: (file|append)=(\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)
HOW_TOS = ("add-a-connector", "add-a-mix", "add-a-study")


@pytest.fixture
def project(tmp_path):
    for name in ("ablations", "mm1", "reports", "sweeps"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "out"))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("how_to", HOW_TOS)
def test_following_it_to_the_letter_works(how_to, project):
    blocks = BLOCK.findall((ROOT / "docs" / f"{how_to}.md").read_text())
    commands = []
    for language, action, place, body in blocks:
        if action == "file":
            assert not (project / place).exists()
            (project / place).write_text(body)
        elif action == "append":
            with open(project / place, "a") as file:
                file.write(body)
        elif language == "console":
            commands += [line.removeprefix("$ ") for line in body.splitlines() if line.startswith("$ ")]
    assert commands
    for command in commands:
        done = run(command, project)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "inconclusive" in done.stdout or "reproduced" in done.stdout or "contradicted" in done.stdout


def run(command, project):
    words = shlex.split(command)
    assert words[0] == "ablate"
    environment = {**os.environ, "PYTHONPATH": str(project)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    call = [sys.executable, "-m", "ablations.cli", *words[1:]]
    return subprocess.run(
        call, cwd=project, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
