"""What was worked out of a set of vectors, kept in the cache under their content: a second run over the same rows works out nothing.

    kept(cache, "nearest", vectors, lambda: nearest_other.cosines(vectors).tolist())

An entry lies under every bit of the vectors, in their order, what else decides the outcome, the code that works it out and the
versions of the libraries that reckon. One other row is another set: then all is worked out anew.
"""

import json
from collections.abc import Callable
from functools import cache as once
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np

from curate.cache import Cache, code, recall
from curate.windows import Vectors

KIND = "diversity"
# All that decides what is kept here. What these rooms import besides holds no rule; a test asserts it.
ROOMS = ("diversity", "stats.py", "topics.py")
LIBRARIES = ("numpy", "scipy", "scikit-learn")

Json = Any


def kept(cache: Cache | None, what: str, vectors: Vectors, compute: Callable[[], Json]) -> Json:
    """The JSON value that `compute` makes of the vectors; `what` names it, and all that decides it but the vectors and the code."""
    if cache is None or not cache.usable:
        return compute()
    kind = f"{KIND}/{_version()}"
    return recall(cache, kind, _address(what, vectors), compute, _pack, json.loads, model="diversity of a set of rows")


def _address(what: str, vectors: Vectors) -> str:
    found = sha256(f"{what}/{vectors.dtype.str}/{vectors.shape}/".encode())
    found.update(np.ascontiguousarray(vectors).data)
    return found.hexdigest()


@once
def _version() -> str:
    said = [code(*ROOMS), *(f"{name} {version(name)}" for name in LIBRARIES)]
    return sha256("\n".join(said).encode()).hexdigest()[:16]


def _pack(value: Json) -> bytes:
    return json.dumps(value).encode()
