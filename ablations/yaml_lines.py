"""Safe YAML that remembers on which line every value stands."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ablations.errors import SweepError

Where = tuple[str | int, ...]
"""Keys and list positions that lead to a value: `("axes", "encoder.resolution", 2)`."""


class _Loader(yaml.SafeLoader):
    """Safe YAML, with `1e-3` a number (YAML 1.1 reads it as text) and `2026-01-01` text (it reads a date)."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


@dataclass(frozen=True)
class Document:
    """A YAML file: its plain data, and the line of each value."""

    path: str
    data: Any
    root: yaml.Node | None

    def line(self, where: Where) -> int | None:
        """The line (from 1) of the value at `where`, or of the nearest thing above it that was written down."""
        if self.root is None:
            return None
        node, line = self.root, self.root.start_mark.line + 1
        for step in where:
            child = _child(node, step)
            if child is None:
                break
            node, line = child
        return line

    def error(self, where: Where, message: str) -> SweepError:
        """A SweepError at the line of `where`."""
        return SweepError(self.path, self.line(where), message)


def read(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        SweepError: the file is missing, unreadable or no YAML; a mapping names a key twice; a value is not plain
            JSON data (a tag, a number that is not finite, a list that contains itself).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SweepError(str(path), None, f"cannot read the sweep file: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SweepError(str(path), None, f"not a text file: byte {error.start} is not UTF-8") from None
    return parse(text, str(path))


def parse(text: str, path: str) -> Document:
    """The same for text that is at hand; `path` is what errors call it."""
    try:
        root = yaml.compose(text, Loader=_Loader)
        if root is None:
            return Document(path, None, None)
        _check(root, path, ())
        loader = _Loader("")
        data = loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = " ".join(part for part in (error.context, error.problem) if part)
        raise SweepError(path, mark.line + 1 if mark else None, f"not valid YAML: {message}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise SweepError(path, None, f"not valid YAML: {' '.join(str(error).split())}") from None
    document = Document(path, data, root)
    _check_plain(document, data, ())
    return document


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step].start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return next(
            ((value, key.start_mark.line + 1) for key, value in node.value if key.value == str(step)), None
        )
    return None


def _check(node: yaml.Node, path: str, above: tuple[yaml.Node, ...]) -> None:
    """Refuse a key written twice, which YAML libraries drop in silence, and a node that contains itself."""
    if node in above:
        raise SweepError(path, node.start_mark.line + 1, "this list or mapping contains itself")
    if isinstance(node, yaml.MappingNode):
        _check_keys(node, path)
    for child in _children(node):
        _check(child, path, (*above, node))


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        yield from (value for _, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _check_keys(node: yaml.MappingNode, path: str) -> None:
    first: dict[Hashable, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise SweepError(path, line, "a key must be text")
        if key.value in first:
            raise SweepError(path, line, f"'{key.value}' is already set on line {first[key.value]}")
        first[key.value] = line


def _check_plain(document: Document, value: Any, where: Where) -> None:
    if isinstance(value, dict):
        for key, child in value.items():
            if not isinstance(key, str):
                raise document.error((*where, str(key)), f"the key {key!r} must be text; put it in quotes")
            _check_plain(document, child, (*where, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            _check_plain(document, child, (*where, index))
    elif isinstance(value, float) and not math.isfinite(value):
        raise document.error(where, f"{value} is not a finite number")
    elif not isinstance(value, str | int | float | bool | None):
        raise document.error(where, f"a {type(value).__name__} is not plain data; allowed: text, numbers, lists")
