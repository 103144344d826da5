"""Sessions run in the environment that nox itself runs in: the project and its extras are installed there."""

import os
import sys
import tempfile
from pathlib import Path

import nox

SPELT = (".csv", ".json", ".md", ".tex")
nox.options.default_venv_backend = "none"
nox.options.sessions = ["tests"]
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests that need no Slurm; arguments after `--` go to pytest."""
    session.run("python", "-m", "pytest", "-m", "not slurm", *session.posargs)


@nox.session
def slurm(session: nox.Session) -> None:
    """Run the tests on a real Slurm, which they start on this machine; its packages have to be installed."""
    session.run("python", "-m", "pytest", "-m", "slurm", *session.posargs)


@nox.session
def report(session: nox.Session) -> None:
    """Rebuild tables, figures and the page in reports/out from the runs in the store."""
    session.run("ablate", "report", "--out", "reports/out", *session.posargs)


@nox.session
def reference(session: nox.Session) -> None:
    """Rebuild the reference report from its packed runs, in a store of its own: tables and JSON are the same bytes."""
    kept = Path("reports/reference")
    with tempfile.TemporaryDirectory() as folder:
        built, store = Path(folder) / "report", f"sqlite:///{folder}/mlflow.db"
        session.run("ablate", "import-runs", str(kept / "runs.tar.xz"), "--tracking-uri", store)
        session.run("ablate", "report", "--out", str(built), "--tracking-uri", store)
        ours, theirs = _spelt(kept), _spelt(built)
    if other := sorted(name for name in ours | theirs if ours.get(name) != theirs.get(name)):
        session.error(f"not the same: {', '.join(other)}")
    session.log(f"{len(theirs)} tables and data files are the same, byte for byte")


def _spelt(folder: Path) -> dict[str, bytes]:
    """Tables and data of a report by name; what was written by hand is none."""
    files = (file for file in folder.rglob("*.*") if file.suffix in SPELT and file.name != "README.md")
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and the arrows between the packages."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def zoo(session: nox.Session) -> None:
    """Train the pre-trained parts that mm1/zoo lacks (all: hours on two cores); arguments go to the builder."""
    session.run("python", "-m", "mm1.zoo.build", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Break the sweep parser for an hour (`-- --minutes 5` for less); what breaks it is kept and tested."""
    session.run("python", "-m", "tests.fuzz.sweeps", *session.posargs)


@nox.session
def chaos(session: nox.Session) -> None:
    """Kill sweeps at random moments and compare their tables with undisturbed ones: `-- SEEDS BLOWS`, else 10 by 12."""
    seeds, blows = session.posargs or ("10", "12")
    for seed in range(int(seeds)):
        told = {"CHAOS_SEED": str(seed), "CHAOS_BLOWS": blows}
        session.run("python", "-m", "pytest", "-s", "tests/integration/test_chaos.py", env=told)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Print the ratios of docs/performance.md, one benchmark after another."""
    for name in session.posargs or ("throughput", "overhead", "fewshot", "planning"):
        session.run("python", "-m", f"benchmarks.{name}")
