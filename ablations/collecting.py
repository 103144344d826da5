"""Large plans keep all they make: no garbage is looked for meanwhile, which halves the time of planning."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def without_collecting(make: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function with garbage collection put off to its end."""

    @wraps(make)
    def quick(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if not gc.isenabled():
            return make(*args, **kwargs)
        gc.disable()
        try:
            return make(*args, **kwargs)
        finally:
            gc.enable()

    return quick
