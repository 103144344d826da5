"""The way to the reports. They are built on the harness, so it finds them by name and never imports them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ablations.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from ablations.advice import State
    from ablations.part import Part


class Reports(Protocol):
    """What the command line asks of the entry point `reports` in the group `ablate`."""

    def print_results(
        self, study: str, tracking_uri: str, console: Console, cells: Collection[str] | None = None
    ) -> None:
        """Print the scores and verdicts of a study's cells. Raises UserError without runs."""

    def print_ranking(self, tracking_uri: str, console: Console) -> None:
        """Print what every factor moves, over all studies. Raises UserError without runs."""

    def report(self, names: Sequence[str], out: Path, tracking_uri: str, as_json: bool) -> None:
        """Write the tables, figures and page of some studies (none named: of all) or print their JSON."""

    def state(self, part: Part, tracking_uri: str) -> State:
        """How far a study is; a state without verdicts before its first run."""


def installed() -> Reports:
    """The reports of this installation.

    Raises:
        UserError: it is older than its code, and names none.
    """
    for found in entry_points(group="ablate", name="reports"):
        return found.load()
    raise UserError("this installation of ablate names no reports; install it once more: pip install -e .")
