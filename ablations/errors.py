"""What a user can get wrong, said so that they can mend it. Each is one screen and exit code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Bad input. `str(error)` is what the terminal shows; nothing has been started."""

    exit_code = 2


class FieldError(UserError):
    """A configuration field is unknown or holds a value that is not allowed.

    Args:
        field: dotted name, e.g. `encoder.resolution`.
        value: what was found; omit for an unknown field.
        message: what is wrong.
        allowed: the names or values that would be accepted.
    """

    def __init__(
        self, field: str, message: str, *, value: object = None, allowed: Iterable[str] = ()
    ) -> None:
        self.field, self.message, self.value, self.allowed = field, message, value, sorted(allowed)
        super().__init__(self.describe())

    def describe(self) -> str:
        """Field and what is wrong, then what was found, what is allowed and the nearest name, a line each."""
        lines = [f"{self.field}: {self.message}"]
        if self.value is not None:
            lines.append(f"  found    {self.value!r}")
        if self.allowed:
            lines.append(f"  allowed  {', '.join(self.allowed)}")
        wrong = self.field if self.value is None else str(self.value)
        if "Did you mean" not in self.message and (hint := closest(wrong, self.allowed)):
            lines.append(f" {hint}")
        return "\n".join(lines)


class SweepError(UserError):
    """A FieldError (or a syntax error) with its place in a sweep file."""

    def __init__(self, path: str, line: int | None, message: str) -> None:
        self.path, self.line, self.message = path, line, message
        place = path if line is None else f"{path}:{line}"
        super().__init__(f"{place}: {message}")


def closest(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` or the empty string."""
    match = difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)
    return f" Did you mean '{match[0]}'?" if match else ""
