"""What a model said about a text, kept on disk under the text's hash, so that a second run pays only for new rows.

    with cache.open() as kept:
        lengths = cache.remember(kept, "lengths", ["one", "three"], compute=lambda texts: [len(t) for t in texts],
                                 pack=lambda n: str(n).encode(), unpack=int)

One SQLite file in `$WINNOW_CACHE`, else in the platform's cache folder. A value carries a checksum over its kind, key and
bytes: a damaged entry is a miss, never wrong data. A cache that cannot be used costs time, never the run: it says so in
one line on stderr and every lookup is a miss; when the disk is full, what is held is still read. Nothing is ever dropped
during a run: `curate.cache_report` prunes after one.
"""

import os
import sqlite3
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b, sha256
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from curate.progress import Progress, aside, silent
from curate.uncollected import uncollected

T = TypeVar("T")

FILE = "cache.sqlite"
SECONDS_TO_WAIT = 30.0  # for another process that is writing
KEYS_PER_QUERY = 1000
TEXTS_PER_CHUNK = 512
CHARACTERS_PER_CHUNK = 500_000

TABLES = """
create table if not exists kinds (id integer primary key, name text not null unique);
create table if not exists entries (kind integer not null, key text not null, value blob not null, checksum blob not null);
create unique index if not exists entry on entries (kind, key);
create table if not exists uses (name text primary key, used real not null, model text not null);
"""


def folder() -> Path:
    """Where the cache lives: `$WINNOW_CACHE`, else `winnow` in the platform's cache folder."""
    if named := os.environ.get("WINNOW_CACHE"):
        return Path(named).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "winnow"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "winnow" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "winnow"


def text_key(text: str) -> str:
    """The text's address: SHA-256 of its bytes, in hex. A lone surrogate is kept apart, not an error."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def open(path: str | os.PathLike[str] | None = None) -> "Cache":
    """Open (and make) the cache in folder `path`. Never fails: see the module's last sentence."""
    return Cache(Path(path) if path is not None else folder())


def off() -> "Cache":
    """A cache that holds nothing."""
    return Cache(None)


class Cache:
    """A store of bytes by kind and key. Safe under several processes; one object belongs to one thread."""

    def __init__(self, place: Path | None) -> None:
        self.path = place / FILE if place else None
        self._db: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._full = False
        self._noted: set[tuple[str, str]] = set()
        if place:
            self._connect()

    @property
    def usable(self) -> bool:
        """Whether anything can be found or kept."""
        return self._db is not None

    def get(self, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
        """The values that are held and whole; a missing key is simply not in the result."""
        found: dict[str, bytes] = {}
        self.note(kind)
        try:
            for key, value, checksum in self._rows(kind, keys):
                if isinstance(value, bytes) and _checksum(kind, key, value) == checksum:
                    found[key] = value
        except sqlite3.Error as problem:
            self._stumble(problem)
        return found

    def put(self, kind: str, items: Mapping[str, bytes]) -> None:
        """Keep the items, in one transaction; a key that is held already is overwritten."""
        if self._db is None or not items or self._full:
            return
        self.note(kind)
        try:
            with self._db as db:
                db.execute("begin immediate")
                db.execute("insert or ignore into kinds (name) values (?)", (kind,))
                (number,) = db.execute("select id from kinds where name = ?", (kind,)).fetchone()
                db.executemany(
                    "insert or replace into entries values (?, ?, ?, ?)",
                    ((number, key, value, _checksum(kind, key, value)) for key, value in items.items()),
                )
        except sqlite3.Error as problem:
            self._stumble(problem)

    def note(self, kind: str, model: str = "") -> None:
        """Note that the kind is used now, and by which model. Waits for nobody: it is only a hint to pruning."""
        if self._db is None or self._full or (kind, model) in self._noted:
            return
        self._noted |= {(kind, ""), (kind, model)}
        try:
            self._db.execute("pragma busy_timeout = 0")
            self._db.execute(
                "insert into uses values (?, ?, ?) on conflict (name) do update set used = excluded.used, "
                "model = case excluded.model when '' then model else excluded.model end",
                (kind, time.time(), model),
            )
            self._db.execute(f"pragma busy_timeout = {int(SECONDS_TO_WAIT * 1000)}")
        except sqlite3.OperationalError:  # another process writes, or the disk is full
            self._db.execute(f"pragma busy_timeout = {int(SECONDS_TO_WAIT * 1000)}")
        except sqlite3.Error as problem:
            self._stumble(problem)

    @property
    def connection(self) -> sqlite3.Connection | None:
        """The open database, for `curate.cache_report`; None where the cache cannot be used."""
        return self._db

    def sizes(self) -> list[tuple[str, int, int]]:
        """Kind, entries and bytes of values, by name."""
        if self._db is None:
            return []
        counts = "select name, count(*), sum(length(value)) from entries join kinds on kind = id"
        try:
            return self._db.execute(f"{counts} group by name order by name").fetchall()
        except sqlite3.Error as problem:
            self._stumble(problem)
            return []

    def clear(self, kind: str | None = None) -> None:
        """Forget one kind, or everything, and give the space back."""
        if self._db is None:
            return
        try:
            with self._db as db:
                db.execute("begin immediate")
                if kind is None:
                    db.execute("delete from entries")
                else:
                    db.execute("delete from entries where kind = (select id from kinds where name = ?)", (kind,))
            self._db.execute("vacuum")
        except sqlite3.Error as problem:
            self._stumble(problem)

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, what: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _rows(self, kind: str, keys: Sequence[str]) -> Iterator[tuple[str, bytes, bytes]]:
        if self._db is None:
            return
        number = self._db.execute("select id from kinds where name = ?", (kind,)).fetchone()
        if number is None:
            return
        wanted = sorted(set(keys))  # neighbours in the index are read together
        for start in range(0, len(wanted), KEYS_PER_QUERY):
            some = wanted[start : start + KEYS_PER_QUERY]
            marks = ",".join("?" * len(some))
            query = f"select key, value, checksum from entries where kind = ? and key in ({marks})"
            yield from self._db.execute(query, (*number, *some))

    def _connect(self, again: bool = True) -> None:
        assert self.path is not None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Vectors and findings say something about private texts, so only the owner reads them.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            self._inode = self.path.stat().st_ino
            db = sqlite3.connect(self.path, timeout=SECONDS_TO_WAIT, isolation_level=None)
            _patiently(db, "pragma journal_mode = wal")
            db.execute("pragma synchronous = normal")  # a killed process loses nothing, a power cut the last chunk
            db.executescript(TABLES)
            db.execute("select kind, key, value, checksum from entries limit 1").fetchone()
            self._db = db
        except OSError as problem:
            self._give_up(problem.strerror or str(problem))
        except sqlite3.Error as problem:
            self._stumble(problem, again)

    def _stumble(self, problem: sqlite3.Error, again: bool = True) -> None:
        """Set a corrupt file aside and start a new one; on anything else go on without a cache."""
        if self._db is not None and getattr(problem, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            self._full = True
            self._say(f"no room on the disk: what is computed from here on is not kept in {self.path}")
            return
        self.close()
        if not (again and _is_corrupt(problem)):
            self._give_up(str(problem))
            return
        assert self.path is not None
        try:
            # Another process may have set it aside already: then the file at this path is a fresh one.
            if self.path.stat().st_ino == self._inode:
                self._say(f"the cache was damaged and is set aside as {_set_aside(self.path)}; a new one is started")
        except OSError as trouble:
            self._give_up(trouble.strerror or str(trouble))
            return
        self._connect(again=False)

    def _give_up(self, why: str) -> None:
        self.close()
        self._say(f"going on without a cache: {self.path}: {why}")

    def _say(self, sentence: str) -> None:
        aside(sentence)


def _patiently(db: sqlite3.Connection, statement: str) -> None:
    """SQLite does not wait when two processes turn a new file to WAL at once; so wait here."""
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while True:
        try:
            db.execute(statement)
            return
        except sqlite3.OperationalError as problem:
            if "locked" not in str(problem) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def remember(
    cache: Cache | None,
    kind: str,
    texts: Sequence[str],
    compute: Callable[[list[str]], Sequence[T]],
    pack: Callable[[T], bytes],
    unpack: Callable[[bytes], T],
    progress: Progress = silent,
    *,
    step: str = "compute",
    chunk: int = TEXTS_PER_CHUNK,
    characters: int | None = None,
    model: str = "",
) -> list[T]:
    """One value per text, in order: looked up where known, computed once per distinct text where not.

    Missing texts go to `compute` longest first, at most `chunk` and so many `characters` (else half a million) at a time, and each chunk is
    stored as it is done, so an interrupt loses one chunk. `compute` must judge a text alone, whatever its neighbours. What comes back has been through `pack` and
    `unpack` in either case, so a first and a second run agree. A packed value that `unpack` refuses with ValueError is a miss.
    `model` is what `winnow cache` says of the kind.
    """
    keys = {text: text_key(text) for text in dict.fromkeys(texts)}
    if cache and keys:
        cache.note(kind, model)
    held = cache.get(kind, list(keys.values())) if cache else {}
    known: dict[str, T] = {}
    with uncollected():
        for text, key in keys.items():
            try:
                if key in held:
                    known[text] = unpack(held[key])
            except ValueError:
                continue
    missing = sorted((text for text in keys if text not in known), key=lambda text: (-len(text), text))
    done = len(keys) - len(missing)
    progress(step, done, len(keys))
    for some in _chunks(missing, chunk, characters or CHARACTERS_PER_CHUNK):
        packed = {text: pack(value) for text, value in zip(some, compute(some), strict=True)}
        if cache:
            cache.put(kind, {keys[text]: value for text, value in packed.items()})
        known.update((text, unpack(value)) for text, value in packed.items())
        progress(step, done := done + len(some), len(keys))
    return [known[text] for text in texts]


def recall(
    cache: Cache | None,
    kind: str,
    key: str,
    compute: Callable[[], T],
    pack: Callable[[T], bytes],
    unpack: Callable[[bytes], T],
    *,
    model: str = "",
) -> T:
    """One value that follows from all that `key` is a hash of: looked up, else computed and kept.

    What comes back has been through `pack` and `unpack` in either case; a value that `unpack` refuses with ValueError is a miss.
    """
    if cache is None or not cache.usable:
        return unpack(pack(compute()))
    cache.note(kind, model)
    if (packed := cache.get(kind, [key]).get(key)) is not None:
        try:
            return unpack(packed)
        except ValueError:
            pass
    packed = pack(compute())
    cache.put(kind, {key: packed})
    return unpack(packed)


@lru_cache(maxsize=64)
def code(*rooms: str) -> str:
    """A hash of the source of these rooms of `curate` and of Python's version: a rule that changed is then another kind of entry.

    Name every room that decides what is kept; a folder stands for all the rooms in it.
    """
    said = [sys.version.split()[0], unicodedata.unidata_version]
    for room in rooms:
        place = Path(__file__).parent / room
        for file in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            said += [file.name, sha256(file.read_bytes()).hexdigest()]
    return sha256("\n".join(said).encode()).hexdigest()[:16]


def _chunks(texts: list[str], most: int, characters: int) -> Iterator[list[str]]:
    some: list[str] = []
    size = 0
    for text in texts:
        if some and (len(some) == most or size + len(text) > characters):
            yield some
            some, size = [], 0
        some.append(text)
        size += len(text)
    if some:
        yield some


def _checksum(kind: str, key: str, value: bytes) -> bytes:
    return blake2b(value, digest_size=8, key=blake2b(f"{kind}\0{key}".encode(), digest_size=16).digest()).digest()


def _is_corrupt(problem: sqlite3.Error) -> bool:
    code = getattr(problem, "sqlite_errorcode", None)
    if code is None:  # raised by Python's own layer: a value of a wrong type, a schema that is not ours
        return isinstance(problem, sqlite3.DatabaseError)
    # SQLITE_ERROR is what a well-formed database with other tables answers to our queries.
    return (code & 0xFF) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


def _set_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(aside)
    for tail in ("-wal", "-shm"):
        if (beside := path.with_name(path.name + tail)).exists():
            beside.rename(aside.with_name(aside.name + tail))
    return aside
