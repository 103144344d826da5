"""A sweep file: study, scale, seeds, values of the axes, launch settings; validated before anything runs.

study: encoder-resolution        # must agree with the command; may be left out
suite: mm1                       # prefix of the MLflow experiment
scale: micro                     # a recipe of the study's system
seeds: 0-2                       # or [0, 1, 2], or 0-2,5: replicates of every point
design: product                  # or `baseline`: the base point, then one factor at a time around it
axes: {encoder.resolution: [16, 24]}                      # each a factor
zip: [{encoder.width: [64, 96], encoder.depth: [3, 4]}]   # lists that advance together, one factor
when: {connector.depth: {connector.type: c-abstractor}}   # elsewhere that axis keeps its base value
set: {training.steps: 800}                                # the same in every cell
include: [{encoder.resolution: 48, connector.tokens: 16}] # further points, not crossed with the axes
exclude: [{encoder.resolution: 16, connector.tokens: 16}] # cells with these values are dropped
scales: {paper: {seeds: [0], axes: {...}}}                # replaces (set, launch: merges) at that scale
search: {field: training.learning_rate, low: 1e-4, high: 1e-2, trials: 8, metric: final/held_out_loss}
launch: {executor: local, workers: 2}                     # never part of a cell's identity

The base point is the recipe under `set`. In a `product` every value of a factor meets every value of the
others, so a field is set or varied. Around a `baseline` one factor varies while the others keep the base
point's values, so `set` may move the base value of an axis. Several values in a condition of `when`, written
as a list, mean any of them; conditions are applied from top to bottom.

A `search` lets Optuna choose the values of one more field in every setting of the rest (docs/search.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ablations import search_block
from ablations import sweep_blocks as blocks
from ablations.errors import SweepError
from ablations.overlap import check_overlap
from ablations.search_block import Search
from ablations.yaml_lines import Lines, Where, load

_VALUES = ("axes", "zip", "set", "include")
_KEYS = ("study", "suite", "scale", "scales", *blocks.BLOCKS)


@dataclass(frozen=True)
class Sweep:
    """A validated sweep; its blocks hold dotted configuration fields.

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
    when: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    design: str = "product"
    search: Search | None = None
    launch: Mapping[str, Any] = field(default_factory=dict)
    typed: Mapping[str, Any] = field(default_factory=dict)
    below: Lines | None = None

    @property
    def name(self) -> str:
        """The file's stem."""
        return Path(self.lines.file).stem

    @property
    def factors(self) -> list[str]:
        """The fields of `axes` and `zip`, in the file's order."""
        return [*self.axes, *(name for group in self.zip for name in group)]

    @property
    def varied(self) -> list[str]:
        """Every field that can differ between cells, in the file's order."""
        included = (name for point in self.include for name in point)
        searched = [self.search.field] if self.search else []
        return list(dict.fromkeys([*self.factors, *included, *searched]))

    def place(self, name: str, value: Any = None, blocks: Sequence[str] = _VALUES) -> tuple[str, int | None]:
        """Where the field `name` was given (this) `value`: a file and its line, or a command-line option."""
        if name in self.typed and "set" in blocks and (name not in self.factors or value == self.set[name]):
            return f"--set {name}={self.typed[name]}", None
        if self.search is not None and name == self.search.field:
            return self.lines.file, self.lines.at(*self.block("search"), "field")
        places = [place for place in self.lines.lines if name in self._inside(place, blocks)]
        if not places and self.below is not None and ("set", name) in self.below.lines:
            return self.below.file, self.below.at("set", name)

        def fit(place: Where) -> tuple[bool, bool, int]:
            return self.lines.value(*place) == value, place[0] == "scales", -len(place)

        return self.lines.file, self.lines.at(*max(places, key=fit, default=()))

    def error(self, message: str, name: str, value: Any = None) -> SweepError:
        """A SweepError at that place."""
        return SweepError(*self.place(name, value), message)

    def block(self, name: str) -> Where:
        """Where a block stands: at the scale if it has one of its own."""
        special = ("scales", self.scale, name)
        return special if special in self.lines.lines else (name,)

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
    blocks.check_study(lines, study)
    blocks.check_keys(lines, lines.data, _KEYS)
    chosen = blocks.scale(blocks.giver(lines, lines.data, below, "scale"), scales, scale)
    data, at = blocks.for_scale(lines, scales, chosen)
    typed = dict(map(blocks.typed_field, set_))
    sweep = Sweep(
        lines=lines,
        suite=blocks.suite(blocks.giver(lines, lines.data, below, "suite")),
        scale=chosen,
        seeds=_seeds(lines, data, at["seeds"], below, seeds),
        axes=blocks.axes(lines, data.get("axes"), at["axes"]),
        zip=blocks.zips(lines, data.get("zip"), at["zip"]),
        set={**data["set"], **typed},
        include=blocks.mappings(lines, data.get("include"), at["include"]),
        exclude=blocks.mappings(lines, data.get("exclude"), at["exclude"]),
        design=blocks.design(lines, data.get("design", "product"), at["design"]),
        launch=blocks.launch(lines, data["launch"], launch or {}),
        typed=typed,
        below=below,
    )
    when = blocks.when(lines, data.get("when"), at["when"], sweep.factors)
    sweep = replace(sweep, when=when, set={**_from_suite(sweep), **sweep.set})
    taken = {*sweep.varied, *sweep.set}
    sweep = replace(sweep, search=search_block.read(lines, data.get("search"), at["search"], taken))
    check_overlap(sweep)
    return sweep


def _seeds(
    lines: Lines, data: Mapping[str, Any], at: Where, below: Lines | None, typed: str | None
) -> tuple[int, ...]:
    giver = blocks.giver(lines, data, below, "seeds")
    if giver is not lines:
        return blocks.seeds(giver, giver.data["seeds"], ("seeds",), typed)
    return blocks.seeds(lines, data.get("seeds", [0]), at, typed)


def _from_suite(sweep: Sweep) -> dict[str, Any]:
    """What the suite sets and the sweep does not vary."""
    if sweep.below is None:
        return {}
    given = blocks.mapping(sweep.below, sweep.below.data.get("set"), ("set",))
    kept = given if sweep.design == "baseline" else given.keys() - {*sweep.factors}
    return {name: value for name, value in given.items() if name in kept}
