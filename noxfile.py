"""Sessions run in the environment that nox itself runs in: the project and its extras are installed there."""

import os
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["tests"]
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; arguments after `--` go to pytest."""
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def report(session: nox.Session) -> None:
    """Rebuild tables, figures and the page in reports/out from the runs in the store."""
    session.run("ablate", "report", "--out", "reports/out", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and the arrows between the packages."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")
