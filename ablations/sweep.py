"""A sweep file: study, scale, seeds, values of the axes, launch settings; validated before anything runs.

study: encoder-resolution        # must agree with the command; may be left out
suite: mm1                       # prefix of the MLflow experiment
scale: micro                     # a recipe of the study's system
seeds: 0-2                       # or [0, 1, 2], or 0-2,5
axes: {encoder.resolution: [16, 24]}                      # product of these
zip: [{encoder.width: [64, 96], encoder.depth: [3, 4]}]   # lists that advance together
set: {training.steps: 800}                                # the same in every cell
include: [{encoder.resolution: 48, connector.tokens: 16}] # further cells, not crossed with the axes
exclude: [{encoder.resolution: 16, connector.tokens: 16}] # cells with these values are dropped
scales: {paper: {seeds: [0], axes: {...}}}                # replaces (set, launch: merges) at that scale
launch: {executor: local, workers: 2}                     # never part of a cell's identity
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ablations import seeds as seed_text
from ablations.errors import FieldError, SweepError, closest
from ablations.launch_settings import check as check_launch
from ablations.overlap import check_overlap
from ablations.yaml_lines import Lines, Where, load, parse

_BLOCKS = ("seeds", "axes", "zip", "set", "include", "exclude", "launch")
_VALUES = ("axes", "zip", "set", "include")
_KEYS = ("study", "suite", "scale", "scales", *_BLOCKS)


@dataclass(frozen=True)
class Sweep:
    """A validated sweep. `axes`, `zip`, `set`, `include` and `exclude` hold dotted configuration fields.

    `typed` is the part of `set` that came from the command line, `below` the suite that gives the rest of it.
    """

    lines: Lines
    suite: str
    scale: str
    seeds: tuple[int, ...]
    axes: Mapping[str, Sequence[Any]]
    zip: Sequence[Mapping[str, Sequence[Any]]] = ()
    set: Mapping[str, Any] = field(default_factory=dict)
    include: Sequence[Mapping[str, Any]] = ()
    exclude: Sequence[Mapping[str, Any]] = ()
    launch: Mapping[str, Any] = field(default_factory=dict)
    typed: Mapping[str, Any] = field(default_factory=dict)
    below: Lines | None = None

    @property
    def name(self) -> str:
        """The file's stem."""
        return Path(self.lines.file).stem

    @property
    def varied(self) -> list[str]:
        """Every field that can differ between cells, in the file's order."""
        fields = [*self.axes, *(name for group in (*self.zip, *self.include) for name in group)]
        return list(dict.fromkeys(fields))

    def place(self, name: str, value: Any = None, blocks: Sequence[str] = _VALUES) -> tuple[str, int | None]:
        """Where the field `name` was given (this) `value`: a file and its line, or a command-line option."""
        if name in self.typed and "set" in blocks:
            return f"--set {name}={self.typed[name]}", None
        places = [place for place in self.lines.lines if name in self._inside(place, blocks)]
        if not places and self.below is not None and ("set", name) in self.below.lines:
            return self.below.file, self.below.at("set", name)

        def fit(place: Where) -> tuple[bool, bool, int]:
            return self.lines.value(*place) == value, place[0] == "scales", -len(place)

        return self.lines.file, self.lines.at(*max(places, key=fit, default=()))

    def error(self, message: str, name: str, value: Any = None) -> SweepError:
        """A SweepError at that place."""
        return SweepError(*self.place(name, value), message)

    def _inside(self, place: Where, blocks: Sequence[str]) -> Where:
        here = place[2:] if place[:2] == ("scales", self.scale) else place
        return here[1:] if here[:1] and here[0] in blocks else ()


def read(
    path: Path,
    study: str,
    scales: Sequence[str],
    *,
    scale: str | None = None,
    seeds: str | None = None,
    set_: Sequence[str] = (),
    launch: Mapping[str, Any] | None = None,
    below: Lines | None = None,
) -> Sweep:
    """Read a sweep for `study`, whose system has these `scales`. The keyword options win over the file.

    Args:
        set_: `field=value` texts, the value as YAML.
        launch: launch settings by name.
        below: a suite, whose `suite`, `scale`, `seeds` and `set` hold where the sweep gives none of its own.

    Raises:
        SweepError: with the file, its line, what was found there and what is allowed.
    """
    lines = load(path)
    _check_no_suite(lines)
    check_keys(lines, lines.data, _KEYS)
    _check_study(lines, study)
    chosen = _scale(_giver(lines, lines.data, below, "scale"), scales, scale)
    data, at = _for_scale(lines, scales, chosen)
    typed = dict(map(_override, set_))
    sweep = Sweep(
        lines=lines,
        suite=_suite(_giver(lines, lines.data, below, "suite")),
        scale=chosen,
        seeds=_seeds_of(lines, data, at["seeds"], below, seeds),
        axes=_axes(lines, _mapping(lines, data.get("axes"), at["axes"]), at["axes"]),
        zip=_zips(lines, data.get("zip"), at["zip"]),
        set={**data["set"], **typed},
        include=_mappings(lines, data.get("include"), at["include"]),
        exclude=_mappings(lines, data.get("exclude"), at["exclude"]),
        launch=_launch(lines, data["launch"], launch or {}),
        typed=typed,
        below=below,
    )
    sweep = replace(sweep, set={**_from_suite(sweep), **sweep.set})
    check_overlap(sweep)
    return sweep


def check_keys(lines: Lines, data: Mapping[str, Any], known: Sequence[str], *path: str) -> None:
    """Raise SweepError at a key that is none of `known`; `path` leads to `data`."""
    for key in data:
        if key not in known:
            message = f"unknown key '{key}'; allowed: {', '.join(known)}.{closest(key, known)}"
            raise lines.error(message, *path, key)


def _check_no_suite(lines: Lines) -> None:
    if "sweeps" in lines.data:
        raise lines.error(f"this is a suite of sweeps; run: ablate all --grid {lines.file}", "sweeps")


def _giver(lines: Lines, data: Mapping[str, Any], below: Lines | None, key: str) -> Lines:
    """The file that says what `key` is: the sweep's own, else the suite's."""
    return below if below is not None and key not in data and key in below.data else lines


def _from_suite(sweep: Sweep) -> dict[str, Any]:
    """What the suite sets and the sweep says nothing about."""
    given = {} if sweep.below is None else _mapping(sweep.below, sweep.below.data.get("set"), ("set",))
    varied = {*sweep.axes, *(name for group in sweep.zip for name in group)}
    return {name: value for name, value in given.items() if name not in varied}


def _check_study(lines: Lines, study: str) -> None:
    named = lines.data.get("study", study)
    if named != study:
        message = f"study: this sweep is for '{named}', but the command is '{study}'"
        raise lines.error(f"{message}; run: ablate {named} --grid {lines.file}", "study")


def _suite(lines: Lines) -> str:
    suite = lines.data.get("suite", "mm1")
    if not isinstance(suite, str) or not suite or "/" in suite:
        raise lines.error(f"suite: {suite!r} is not a name without '/'", "suite")
    return suite


def _scale(lines: Lines, scales: Sequence[str], typed: str | None) -> str:
    scale = typed if typed is not None else lines.data.get("scale", scales[0])
    if scale in scales:
        return scale
    message = f"unknown scale '{scale}'; known: {', '.join(scales)}.{closest(str(scale), scales)}"
    raise (
        SweepError(f"--scale {typed}", None, message) if typed is not None else lines.error(message, "scale")
    )


def _for_scale(lines: Lines, scales: Sequence[str], scale: str) -> tuple[dict[str, Any], dict[str, Where]]:
    """Lay one scale's block over the rest (it replaces; `set`, `launch` merge); and where each block is."""
    blocks = _mapping(lines, lines.data.get("scales"), ("scales",))
    check_keys(lines, blocks, scales, "scales")
    for name, block in blocks.items():
        check_keys(lines, _mapping(lines, block, ("scales", name)), _BLOCKS, "scales", name)
    special = blocks.get(scale) or {}
    at: dict[str, Where] = {key: ("scales", scale, key) if key in special else (key,) for key in _BLOCKS}
    merged = {**lines.data, **special}
    for key in ("set", "launch"):
        base, over = _mapping(lines, lines.data.get(key), (key,)), _mapping(lines, special.get(key), at[key])
        merged[key] = {**base, **over}
    return merged, at


def _seeds_of(
    lines: Lines, data: Mapping[str, Any], at: Where, below: Lines | None, typed: str | None
) -> tuple[int, ...]:
    giver = _giver(lines, data, below, "seeds")
    if giver is not lines:
        return _seeds(giver, giver.data["seeds"], ("seeds",), typed)
    return _seeds(lines, data.get("seeds", [0]), at, typed)


def _seeds(lines: Lines, value: Any, at: Where, typed: str | None) -> tuple[int, ...]:
    try:
        return tuple(seed_text.parse(value if typed is None else typed))
    except ValueError as error:
        if typed is not None:
            raise SweepError(f"--seeds {typed}", None, str(error)) from None
        raise lines.error(f"seeds: {value!r}: {error}", *at) from None


def _mapping(lines: Lines, value: Any, at: Where) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise lines.error(f"{'.'.join(at)}: expected a mapping of names to values, found {value!r}", *at)
    return value


def _mappings(lines: Lines, value: Any, at: Where) -> list[dict[str, Any]]:
    entries = [] if value is None else value
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise lines.error(f"{'.'.join(at)}: expected a list of mappings, found {value!r}", *at)
    return entries


def _axes(lines: Lines, axes: dict[str, Any], at: Where) -> dict[str, list[Any]]:
    for name, values in axes.items():
        if not isinstance(values, list) or not values:
            message = f"{name}: an axis needs a list of at least one value, found {values!r}"
            raise lines.error(message, *at, name)
    return axes


def _zips(lines: Lines, value: Any, at: Where) -> list[dict[str, list[Any]]]:
    groups = _mappings(lines, value, at)
    for place, group in enumerate(groups):
        here = (*at, str(place))
        lengths = {name: len(values) for name, values in _axes(lines, group, here).items()}
        if len(set(lengths.values())) != 1:
            found = ", ".join(f"{name} has {length}" for name, length in lengths.items()) or "none"
            raise lines.error(f"zip: lists of equal length are needed, found: {found}", *here)
    return groups


def launch_settings(lines: Lines, typed: Mapping[str, Any]) -> dict[str, Any]:
    """The validated `launch` block of a file, under what the command line says."""
    return _launch(lines, _mapping(lines, lines.data.get("launch"), ("launch",)), typed)


def _launch(lines: Lines, values: Mapping[str, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in {**values, **typed}.items():
        try:
            check_launch(name, value)
        except FieldError as error:
            if name in typed:
                raise SweepError(f"--{name} {value}", None, error.describe()) from None
            place = next(place for place in reversed(lines.lines) if place[-2:] == ("launch", name))
            raise lines.error(f"launch.{error.describe()}", *place) from None
    return {**values, **typed}


def _override(text: str) -> tuple[str, Any]:
    place = f"--set {text}"
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        message = "not of the form field=value, for instance --set training.steps=400"
        raise SweepError(place, None, message)
    try:
        return name.strip(), parse(value, place).data
    except SweepError as error:
        raise SweepError(place, None, error.message) from None
