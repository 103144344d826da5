"""Mutated sweep files: each is planned, or refused with a SweepError that names the file. `nox -s fuzz` runs this.

What breaks is made small by hypothesis and kept in `cases/`; the tests replay every kept case.
"""

from __future__ import annotations

import argparse
import hashlib
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ablations import plan, suite
from ablations.errors import SweepError, UserError

CASES = Path(__file__).parent / "cases"
SWEEPS = sorted((Path(__file__).parents[2] / "sweeps").rglob("*.yaml"))
SECONDS = 10
_NASTY = (
    *(
        "",
        "null",
        "[]",
        "{}",
        "[[]]",
        "[{}]",
        "{1: 2}",
        "-1",
        "0",
        "1e400",
        ".nan",
        "-.inf",
        "true",
        "no",
        "~",
    ),
    *(
        "1_000",
        "0x1f",
        "0o17",
        "1:30",
        "2026-01-01",
        "'",
        '"',
        "''",
        "&a [*a]",
        "*a",
        "&a {b: *a}",
        "- 1",
        "- - 1",
    ),
    *(
        "!!python/object/apply:os.system [true]",
        "!!binary aGk=",
        "!!set {a}",
        "!!int x",
        "!x y",
        "|",
        ">\n",
        "? a",
    ),
    *(
        "0-2",
        "2-0",
        "0-99999999999",
        "[0, 0]",
        "[0.5]",
        "0-2,5",
        "--",
        "---",
        "...",
        "%YAML 9.9",
        "<<: {a: 1}",
    ),
    *("\t", "\x00", "\x85", "\ufeff", "é", "🧪", "\\", "#", "a: b: c", "{", "[" * 200, "x" * 5000, "9" * 400),
    *(
        "micro",
        "paper",
        "slurm",
        "contrastive",
        "{captions: 1}",
        "{captions: -1, text: 0}",
        "all",
        "res.yaml",
    ),
)
_KEYS = (
    *(
        "study",
        "scale",
        "seeds",
        "axes",
        "zip",
        "set",
        "exclude",
        "include",
        "when",
        "design",
        "launch",
        "search",
    ),
    *("suite", "sweeps", "scales", "seed", "encoder.resolution", "encoder", "data.mix", "data.mix.captions"),
    *("connector.type", "training.steps", "training.learning_rate", "language.experts.count", "data.world"),
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A shipped sweep with a few things wrong."""
    lines = draw(st.sampled_from(SWEEPS)).read_text().splitlines()
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(lines) - 1)))
        lines[place : place + 1] = draw(_changes(lines[place] if lines else ""))
    return "\n".join(lines) + draw(st.sampled_from(("", "\n", "\r\n")))


def _changes(line: str) -> st.SearchStrategy[list[str]]:
    key, _, value = line.partition(":")
    nasty, keys = st.sampled_from(_NASTY), st.sampled_from(_KEYS)
    return st.one_of(
        st.just([]),
        st.just([line, line]),
        st.just([f" {line}"]),
        st.just([line.lstrip()]),
        nasty.map(lambda new: [f"{key}: {new}"]),
        nasty.map(lambda new: [line, f"  {new}"]),
        nasty.map(lambda new: [f"{key}: [{new}, {value}]"]),
        keys.map(lambda new: [f"{new}:{value}"]),
        keys.map(lambda new: [line, f"  {new}: [1, 2]"]),
        st.tuples(keys, nasty).map(lambda pair: [line, f"{pair[0]}: {pair[1]}"]),
        st.tuples(st.integers(0, 80), st.characters(codec="utf-8")).map(
            lambda pair: [line[: pair[0]] + pair[1] + line[pair[0] + 1 :]]
        ),
    )


def answer(text: str, folder: Path) -> str:
    """What a user who runs this sweep is told: `planned`, or the error.

    Raises:
        AssertionError: an error that does not name the file.
        TimeoutError: no answer in time.
    """
    file = folder / "sweep.yaml"
    file.write_text(text, encoding="utf-8", newline="")
    for shipped in SWEEPS:
        if shipped.parent.name == "sweeps" and not (folder / shipped.name).exists():
            (folder / shipped.name).symlink_to(shipped)
    with _limit(SECONDS):
        try:
            parts, _ = suite.read(suite.named(file), file)
            plan.make(parts, folder / "stages", [])
        except UserError as error:
            named = isinstance(error, SweepError) and (str(folder) in str(error) or error.path)
            assert named or "unknown study" in str(error), f"names no file: {error}"
            return str(error)
    return "planned"


@contextmanager
def _limit(seconds: int) -> Iterator[None]:
    def late(*_: Any) -> None:
        raise TimeoutError(f"no answer in {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def search(folder: Path, examples: int) -> str | None:
    """The smallest text found that breaks the parser, if any."""
    broken: list[str] = []

    @settings(max_examples=examples, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(texts())
    def holds(text: str) -> None:
        try:
            answer(text, folder)
        except Exception:
            broken.append(text)
            raise

    try:
        holds()
    except Exception as error:
        print(f"{type(error).__name__}: {error}"[:500])
        return broken[-1]
    return None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60)
    end, tried, kept = time.monotonic() + 60 * parser.parse_args().minutes, 0, 0
    with tempfile.TemporaryDirectory() as name:
        while time.monotonic() < end:
            found = search(Path(name), 500)
            tried += 500
            if found is not None:
                case = CASES / f"{hashlib.blake2b(found.encode(), digest_size=6).hexdigest()}.yaml"
                case.write_text(found, encoding="utf-8", newline="")
                print(f"kept {case}")
                kept += 1
    print(f"{tried} texts; {kept} that break something")
    raise SystemExit(bool(kept))


if __name__ == "__main__":
    main()
