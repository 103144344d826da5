"""Secrets of the environment, passwords, tokens and keys, are put to use and never written down."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO
from urllib.parse import unquote

_MASK = "***"
_SHORTEST = 6
"""Shorter values are no secrets worth the name, and would be found in any text."""
_NAME = re.compile(
    r"PASSW|PASSPHRASE|SECRET|CREDENTIAL|TOKEN(?!IZ)|_KEY(?![A-Z])|APIKEY|JWT|CONNECTION_STRING", re.I
)
_LOGIN = re.compile(r"(?<=://)[^\s:/@]*:?(\S*)@")
"""In a variable: a password may have any character in it, whether or not that is allowed in a URI."""
_USERINFO = re.compile(r"(?<=://)[^\s/?#]*@")
_PARAMETER = re.compile(r"(?i)\b(password|pwd)=[^&;\s]+")


def hidden(text: str) -> str:
    """The text with `***` in the place of every secret."""
    for value in sorted(_values(), key=len, reverse=True):
        text = text.replace(value, _MASK)
    return _PARAMETER.sub(rf"\1={_MASK}", _USERINFO.sub(f"{_MASK}@", text))


def without_login(uri: str) -> str:
    """A store's URI less user, password and parameters, of which some carry a password too."""
    return uri if uri.startswith("sqlite:") else _LOGIN.sub("", uri).partition("?")[0]


def masked(file: Path | int) -> TextIO:
    """A text stream that appends to a file, or writes to a descriptor, which no secret passes.

    It hands on whole lines, so that a secret which comes in pieces is seen; the last one as it is closed.
    """
    lines = io.BufferedWriter(_Lines(file, "a"))
    return io.TextIOWrapper(lines, encoding="utf-8", errors="backslashreplace", line_buffering=True)


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Whatever is printed or raised within shows no secret."""
    with (
        masked(os.dup(1)) as out,
        masked(os.dup(2)) as err,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            yield
        except Exception:
            told = traceback.format_exc()
            if hidden(told) == told:
                raise
            raise RuntimeError(hidden(told)) from None


class _Lines(io.FileIO):
    """Keeps what has no end yet."""

    _begun = b""

    def write(self, data: bytes) -> int:
        text = self._begun + bytes(data)
        end = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
        self._put(text[:end])
        self._begun = text[end:]
        return len(data)

    def close(self) -> None:
        last, self._begun = self._begun, b""
        try:
            self._put(last)
        finally:
            super().close()

    def _put(self, text: bytes) -> None:
        left = hidden(text.decode(errors="surrogateescape")).encode(errors="surrogateescape")
        while left:
            left = left[super().write(left) :]


def _values() -> set[str]:
    """Every secret of the environment, in each way in which it may be spelled."""
    found: list[str] = []
    for name in os.environ:
        value = os.environ.get(name, "")
        found += _LOGIN.findall(value)
        if _NAME.search(name) and not (os.path.isabs(value) and os.path.exists(value)):
            found += [value, *value.splitlines()]
    plain = {*found, *map(unquote, found)}
    spelled = {way for value in plain for way in (value, repr(value)[1:-1], json.dumps(value)[1:-1])}
    return {value.strip() for value in spelled if len(value.strip()) >= _SHORTEST}
