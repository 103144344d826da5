"""`ablate doctor`: does this machine have what a sweep needs, and how to mend what is missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from pathlib import Path
from platform import python_version
from typing import Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from rich.console import Console
from rich.table import Table

from ablations import preflight
from ablations.errors import UserError

_COLOUR = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@dataclass(frozen=True)
class Check:
    """One line of the table; `mend` says what to do about a warning or a failure."""

    what: str
    state: Literal["ok", "warn", "fail"]
    found: str
    mend: str = ""


def run(runs: Path, tracking_uri: str, console: Console) -> int:
    """Print every check; 1 if one failed, else 0."""
    table = Table("check", "state", "found", "how to mend", title="ablate doctor", title_justify="left")
    checks = list(_checks(runs, tracking_uri))
    for check in checks:
        colour = _COLOUR[check.state]
        table.add_row(check.what, f"[{colour}]{check.state}", check.found, check.mend)
    console.print(table)
    return int(any(check.state == "fail" for check in checks))


def _checks(runs: Path, tracking_uri: str) -> Iterator[Check]:
    yield _python()
    yield from _packages()
    yield _accelerator()
    yield _guarded("runs folder", str(runs), lambda: preflight.check_writable(runs, "the runs folder"))
    yield _guarded("tracking", tracking_uri, lambda: preflight.check_tracking(tracking_uri))
    yield _slurm()


def _python() -> Check:
    wanted = SpecifierSet(distribution("ablate").metadata["Requires-Python"])
    if not wanted.contains(python_version(), prereleases=True):
        return Check("python", "fail", python_version(), f"install Python {wanted}")
    return Check("python", "ok", python_version())


def _packages() -> Iterator[Check]:
    for requirement in map(Requirement, requires("ablate") or []):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield _package(requirement)


def _package(requirement: Requirement) -> Check:
    mend = f'pip install "{requirement}"'
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return Check(requirement.name, "fail", "not installed", mend)
    if not requirement.specifier.contains(found, prereleases=True):
        return Check(requirement.name, "fail", f"{found}, needs {requirement.specifier}", mend)
    return Check(requirement.name, "ok", found)


def _accelerator() -> Check:
    try:
        import torch
    except ImportError as error:
        return Check(
            "accelerator", "fail", f"torch does not import: {error}", "reinstall torch and torchvision"
        )
    if torch.cuda.is_available():
        return Check(
            "accelerator", "ok", ", ".join(map(torch.cuda.get_device_name, range(torch.cuda.device_count())))
        )
    return Check("accelerator", "ok", "none; cells run on the CPU, which the micro scale is made for")


def _guarded(what: str, found: str, check: Callable[[], None]) -> Check:
    try:
        check()
    except UserError as error:
        reason, _, mend = str(error).partition("\n")
        return Check(what, "fail", reason, mend.strip())
    return Check(what, "ok", found)


def _slurm() -> Check:
    missing = [
        command for command in ("sbatch", "squeue", "sacct", "scancel") if shutil.which(command) is None
    ]
    if len(missing) == 4:
        return Check("slurm", "ok", "not on this machine; --executor local and inline work")
    if missing:
        return Check("slurm", "warn", f"{', '.join(missing)} missing", "add Slurm's commands to PATH")
    return Check("slurm", "ok", shutil.which("sbatch") or "")
