"""What there is to see: the studies, what runs now, logs, the pages of MLflow."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ablations import preflight, studies, tracking
from ablations.errors import UserError


def list_studies() -> None:
    """Print every study with its question, axes and claims."""
    console = Console(highlight=False)
    for study in map(studies.get, studies.names()):
        console.print(f"[bold]{study.name}[/]  {study.question}")
        rows = Table.grid(padding=(0, 2))
        rows.add_row("  axes", ", ".join(f"{axis.field} ({axis.unit or axis.label})" for axis in study.axes))
        for place, claim in enumerate(study.claims):
            rows.add_row("" if place else "  claims", claim.text)
        console.print(rows)


def status(runs: Path) -> int:
    """Show what runs, what is done and what failed."""
    from ablations import status as view

    return view.show(runs, Console())


def ui(port: int, tracking_uri: str) -> int:
    """Serve the MLflow UI on the store until Ctrl-C."""
    preflight.check_tracking(tracking_uri)
    os.environ["MLFLOW_TRACKING_URI"] = tracking.with_login(tracking_uri)
    from ablations.ui import serve

    return serve(port) or 0


def logs(start: str, lines: int, runs: Path) -> None:
    """Print the end of the newest log of the one cell or stage whose id begins with `start`."""
    if not start.isalnum():
        raise UserError(f"'{start}' is no id of a cell or stage; ids are hexadecimal, see `ablate status`")
    folders = [*runs.glob(f"{start}*"), *runs.glob(f"stages/{start}*")]
    found = [folder for folder in folders if any(folder.glob("*.log"))]
    if len(found) != 1:
        names = ", ".join(folder.name for folder in found) or "none"
        raise UserError(
            f"'{start}' must begin the id of one cell or stage with a log in {runs}; found: {names}"
        )
    newest = max(found[0].glob("*.log"), key=lambda log: log.stat().st_mtime)
    with newest.open(errors="replace") as text:
        print("".join(deque(text, maxlen=lines)), end="")
