"""A stretch of work that makes many plain values goes without the search for cycles: there are none among them.

    with uncollected():
        readings = [read(text) for text in texts]

Python looks through all that is held each time a quarter more of it was made. Where a hundred thousand sets and tuples are kept on
purpose that is a good part of the work, and finds nothing. What no name holds is freed at once, here as elsewhere.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for cycles inside; afterwards as it was before. May be nested."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
