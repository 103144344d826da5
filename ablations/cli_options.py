"""Options that several commands have."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ablations import studies
from ablations.launch_settings import EXECUTORS
from ablations.secrets import without_login

STORE = "sqlite:///mlflow.db"


def _without_login(uri: str) -> str:
    """A store's login goes to the environment, where workers and libraries find it, and nowhere else."""
    bare = without_login(uri)
    if bare != uri:
        os.environ["MLFLOW_TRACKING_URI"] = uri
    return bare


Grid = Annotated[
    Path, typer.Option("--grid", help="Sweep or suite file.", metavar="FILE.yaml", show_default=False)
]
Seeds = Annotated[str | None, typer.Option(help="Seeds in the place of the file's: 0-4 or 0-2,5.")]
Scale = Annotated[str | None, typer.Option(help="Recipe in the place of the file's: micro or paper.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="A configuration field for every cell; repeatable."),
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="FIELD=VALUE", help="Just cells with this value, or one of [A, B]."),
]
Executor = Annotated[
    str | None,
    typer.Option(
        help="Where cells run: inline, local or slurm.",
        autocompletion=lambda incomplete: [name for name in EXECUTORS if name.startswith(incomplete)],
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(help="Settings of a site: NAME of ~/.config/ablate/profiles/NAME.yaml.", metavar="NAME"),
]
Workers = Annotated[int | None, typer.Option(help="Cells at once; default: one for each core.")]
Runs = Annotated[Path, typer.Option(help="Folder of checkpoints and logs.", envvar="ABLATE_RUNS")]
Tracking = Annotated[
    str,
    typer.Option(help="MLflow store or server.", envvar="MLFLOW_TRACKING_URI", callback=_without_login),
]
STUDY = typer.Argument(
    help="Name of a study; see `ablate list`.",
    autocompletion=lambda incomplete: [name for name in studies.names() if name.startswith(incomplete)],
)
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output, for machines.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan; start nothing.")]
