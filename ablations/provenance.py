"""Which code and which machine made a run: commit, dirty flag, package versions, processor."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("ablate", "torch", "lightning", "timm", "transformers", "datasets", "mlflow")


@lru_cache(maxsize=1)
def provenance() -> dict[str, str]:
    """Tags `version.<package>`, `machine.*`, and `git.commit` and `git.dirty` where the code lies in a git checkout."""
    return _versions() | _machine() | _git()


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[f"version.{package}"] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _machine() -> dict[str, str]:
    return {
        "machine.processor": _processor(),
        "machine.cores": str(os.cpu_count()),
        "machine.system": platform.system(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _git() -> dict[str, str]:
    commit = _ask("rev-parse", "HEAD")
    if commit is None:
        return {}
    return {"git.commit": commit, "git.dirty": str(bool(_ask("status", "--porcelain"))).lower()}


def _ask(*arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
