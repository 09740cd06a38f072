"""Who takes part, and how each is called: one entry is one line of the table.

The peers run as their own pages show them; parameters beyond that are in the names. Each has a script in `peers/`.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.errors import BadInput

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Contestant:
    """`key` is for `--only`; no `packages` means Winnow, in this environment."""

    key: str
    name: str
    script: Path
    options: dict[str, Any] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    slow: bool = False
    embeds: bool = False  # is given a static embedder
    vectors: bool = False  # looks up vectors; where some had to be computed, a second run counts

    @property
    def ours(self) -> bool:
        return not self.packages


def _peer(key: str, name: str, script: str, packages: str, slow: bool = False, **options: Any) -> Contestant:
    place = HERE / "peers" / f"run_{script}.py"
    return Contestant(key, name, place, options, tuple(packages.split()), slow, embeds=script == "semhash")


def _us(key: str, name: str, *steps: str) -> Contestant:
    return Contestant(key, name, HERE / "ours.py", {"steps": list(steps)}, vectors="semantic" in steps)


RENSA, DATASKETCH = "rensa==0.5.0", "datasketch==2.0.0"
SEMHASH, TEXT_DEDUP = "semhash==0.5.0 model2vec==0.10.0", "text-dedup==0.4.0"

CONTESTANTS = (
    _us("winnow-near", "**winnow, exact + near**", "exact", "near"),
    _us("winnow-semantic", "**winnow, semantic, vectors cached**", "semantic"),
    _us("winnow-all", "**winnow, all three, vectors cached**", "exact", "near", "semantic"),
    _peer("rensa-readme", "rensa 0.5.0, README, words .8", "rensa", RENSA, sketch="R", n=1, threshold=0.8),
    _peer("rensa-batch", "rensa 0.5.0, batch flags, words .8", "rensa_batch", RENSA, n=1, threshold=0.8),
    _peer("rensa-r", "rensa 0.5.0 R-MinHash, 3 words .7", "rensa", RENSA, sketch="R", n=3, threshold=0.7),
    _peer("rensa-c", "rensa 0.5.0 C-MinHash, 3 words .7", "rensa", RENSA, sketch="C", n=3, threshold=0.7),
    _peer("datasketch", "datasketch 2.0.0, 3 words .7", "datasketch", DATASKETCH, n=3, threshold=0.7),
    _peer("text-dedup", "text-dedup 0.4.0, 5 words .7", "text_dedup", TEXT_DEDUP, slow=True, n=5, threshold=0.7),
    _peer("semhash", "semhash 0.5.0, static vectors .9", "semhash", SEMHASH, threshold=0.9),
)


def chosen(only: Collection[str], slow: bool) -> list[Contestant]:
    """Those whose key begins with a name in `only`, else all; the slow ones are left out unless asked for."""
    for name in only:
        if not any(each.key.startswith(name) for each in CONTESTANTS):
            keys = ", ".join(each.key for each in CONTESTANTS)
            raise BadInput(f"nobody here is called {name}", where="--only", hint=f"one of {keys}, or how it begins")
    if only:
        return [each for each in CONTESTANTS if each.key.startswith(tuple(only))]
    return [each for each in CONTESTANTS if slow or not each.slow]
