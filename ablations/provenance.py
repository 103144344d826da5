"""Which code made a run: commit, dirty flag, package versions."""

from __future__ import annotations

import subprocess
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("ablate", "torch", "lightning", "timm", "transformers", "datasets", "mlflow")


@lru_cache(maxsize=1)
def provenance() -> dict[str, str]:
    """Tags `version.<package>`, and `git.commit` and `git.dirty` where the code lies in a git checkout."""
    return _versions() | _git()


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[f"version.{package}"] = version(package)
        except PackageNotFoundError:
            continue
    return found


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
