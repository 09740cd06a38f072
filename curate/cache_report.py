"""What the cache holds, for whom, and how it stays small: shown by `winnow cache`, pruned after a run and never during one.

    with cache.open() as kept:
        print(summary(kept))
        print(prune(kept, size("2 GB")))

Kinds that were not used for longest go first, whole: a model or a setting that nobody runs any more. Only when one kind is
left and still too large do its oldest entries go. What is pruned is computed again when it is asked for.
"""

import re
import sqlite3
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from curate.cache import Cache
from curate.counted import counted
from curate.errors import BadInput

CAP = 5_000_000_000  # bytes
ROWS_PER_DELETE = 10_000  # in one transaction, so that the log beside the file stays small and others get their turn
ROW = 120  # bytes about, that an entry takes beside its value
UNITS = {"": 1, "B": 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000}


@dataclass(frozen=True)
class Kind:
    """One kind of entries. `used` is None where no run has noted a use; `model` is empty where no model is behind it."""

    name: str
    entries: int
    bytes: int
    used: datetime | None
    model: str

    def __str__(self) -> str:
        last = f"{self.used:%Y-%m-%d %H:%M}" if self.used else "unknown"
        step, _, rest = self.name.partition("/")
        short = f"{step}/{rest[:12]}" if rest else step
        return f"{short:<28} {self.entries:>10,} {written(self.bytes):>9}  {last:<16}  {self.model}".rstrip()


@dataclass(frozen=True)
class CacheSummary:
    """The cache on disk. `bytes` is what its files take, those set aside as damaged included; `kinds` the largest first."""

    path: str | None
    usable: bool
    bytes: int
    cap: int
    damaged: tuple[str, ...]
    kinds: tuple[Kind, ...]

    def __str__(self) -> str:
        if not self.usable:
            return f"no cache can be used: {self.path or 'it is off'}"
        head = f"{self.path}: {written(self.bytes)} on disk, pruned past {written(self.cap)} after a run"
        lines = [head, f"{'kind':<28} {'entries':>10} {'size':>9}  {'last used (UTC)':<16}  model"]
        lines += [str(kind) for kind in self.kinds] or ["empty"]
        return "\n".join([*lines, *(f"set aside as damaged: {name}" for name in self.damaged)])

    def to_dict(self) -> dict[str, Any]:
        """As plain data, times in ISO form."""
        kinds = [asdict(kind) | {"used": kind.used.isoformat() if kind.used else None} for kind in self.kinds]
        return asdict(self) | {"kinds": kinds, "damaged": list(self.damaged)}


@dataclass(frozen=True)
class Pruned:
    """What pruning dropped: kinds whole, and entries of the one kind that was left."""

    before: int
    after: int
    kinds: tuple[str, ...]
    entries: int

    def __str__(self) -> str:
        if not self.entries:
            return f"nothing pruned: the cache takes {written(self.before)}"
        what = counted(self.entries, "entry", "entries") + (
            f", of them all of {counted(len(self.kinds), 'kind')}" if self.kinds else ""
        )
        return f"pruned {what}: the cache took {written(self.before)}, now {written(self.after)}"

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self) | {"kinds": list(self.kinds)}


def summary(cache: Cache, cap: int = CAP) -> CacheSummary:
    """Count what is there. Reads the whole file once."""
    kinds = sorted(_kinds(cache), key=lambda kind: (-kind.bytes, kind.name))
    damaged = tuple(file.name for file in _set_aside(cache))
    path = str(cache.path) if cache.path else None
    return CacheSummary(path, cache.usable, _on_disk(cache), cap, damaged, tuple(kinds))


def prune(cache: Cache, cap: int = CAP) -> Pruned:
    """Drop the kinds that were not used for longest until the rest fits `cap` bytes. Cheap where it fits already.

    Never fails: what cannot be dropped now, because another process writes or the disk is full, stays for the next time.
    """
    before = _on_disk(cache) - sum(file.stat().st_size for file in _set_aside(cache))
    if cache.connection is None or before <= cap:
        return Pruned(before, before, (), 0)
    kinds = sorted(_kinds(cache), key=lambda kind: (kind.used.timestamp() if kind.used else 0.0, kind.name))
    live = _live(cache.connection)
    share = live / max(1, sum(map(_weight, kinds)))  # of the file that a byte of a kind stands for
    over = live - cap
    gone: list[str] = []
    entries = 0
    try:
        for kind in kinds:
            if over <= 0:
                break
            if kind is kinds[-1]:
                entries += _drop(cache.connection, kind.name, over / share)
                break
            entries += _drop(cache.connection, kind.name)
            gone.append(kind.name)
            over -= share * _weight(kind)
        _give_back(cache.connection)
    except sqlite3.OperationalError:
        pass
    return Pruned(before, _on_disk(cache), tuple(gone), entries)


def clear(cache: Cache) -> Pruned:
    """Forget everything, and delete what was set aside as damaged."""
    before, kinds = _on_disk(cache), _kinds(cache)
    cache.clear()
    for file in _set_aside(cache):
        file.unlink(missing_ok=True)
    return Pruned(before, _on_disk(cache), tuple(kind.name for kind in kinds), sum(kind.entries for kind in kinds))


def size(written: str) -> int:
    """Bytes that '2 GB', '500MB' or '1000000' names. BadInput where it names none."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?B?)\s*", written.upper())
    unit = found[2] if found else ""
    unit = f"{unit}B" if unit in ("K", "M", "G", "T") else unit
    if not found:
        raise BadInput(f"{written!r} is no size", hint="a number and a unit, such as 2GB or 500MB")
    return int(float(found[1]) * UNITS[unit])


def written(count: int) -> str:
    """Bytes for people to read."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def _kinds(cache: Cache) -> list[Kind]:
    if cache.connection is None:
        return []
    # A kind that other code made before uses were noted has none.
    query = (
        "select kinds.name, count(*), sum(length(value)), used, coalesce(model, '') from entries "
        "join kinds on entries.kind = kinds.id left join uses on uses.name = kinds.name group by kinds.name"
    )
    try:
        rows = cache.connection.execute(query).fetchall()
    except sqlite3.DatabaseError:
        cache.sizes()  # meets the same damage, sets the file aside and says so
        return []
    return [
        Kind(name, count, taken, datetime.fromtimestamp(used, UTC) if used is not None else None, model)
        for name, count, taken, used, model in rows
    ]


def _drop(db: sqlite3.Connection, name: str, least: float | None = None) -> int:
    """Delete a kind, or so many of its oldest entries that they take `least` bytes. How many went."""
    (number,) = db.execute("select id from kinds where name = ?", (name,)).fetchone()
    up_to = "" if least is None else f" and rowid <= {_oldest(db, number, least)}"
    some = f"select rowid from entries where kind = ?{up_to} limit {ROWS_PER_DELETE}"
    gone = 0
    while count := db.execute(f"delete from entries where rowid in ({some})", (number,)).rowcount:
        gone += count
    return gone


def _oldest(db: sqlite3.Connection, kind: int, least: float) -> int:
    """Up to which row the oldest entries of a kind take `least` bytes."""
    row = taken = 0
    for row, length in db.execute("select rowid, length(value) from entries where kind = ? order by rowid", (kind,)):  # noqa: B007
        taken += length + ROW
        if taken >= least:
            break
    return row


def _live(db: sqlite3.Connection) -> float:
    """Bytes of the file that hold something."""
    pages, free, wide = (
        db.execute(f"pragma {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return float((pages - free) * wide)


def _give_back(db: sqlite3.Connection) -> None:
    db.execute("vacuum")
    db.execute("pragma wal_checkpoint(truncate)").fetchall()


def _weight(kind: Kind) -> int:
    return kind.bytes + ROW * kind.entries


def _on_disk(cache: Cache) -> int:
    if cache.path is None:
        return 0
    files = [cache.path, *(cache.path.with_name(cache.path.name + tail) for tail in ("-wal", "-shm"))]
    return sum(file.stat().st_size for file in (*files, *_set_aside(cache)) if file.exists())


def _set_aside(cache: Cache) -> list[Path]:
    return sorted(cache.path.parent.glob(f"{cache.path.name}.damaged-*")) if cache.path else []
