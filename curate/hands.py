"""The same function over many tasks, on several processes or in this one.

    with Hands(2) as hands:
        for answer in hands.each(len, ["a", "bc"]):     # 1, 2: in the order of the tasks
            ...

No more tasks are drawn than are needed to keep the processes busy, so a task may hold a batch of rows. With one process
nothing is started. The answers are the same either way. `Helped` starts them only when there is much to do.
"""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from types import TracebackType
from typing import Generic, TypeVar

from curate.errors import Surroundings

Task = TypeVar("Task")
Answer = TypeVar("Answer")

AHEAD = 2  # tasks that wait for each process
MOST = 4


def usable() -> int:
    """How many processes pay on this machine: its cores, and at most a few, because each takes memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST)


class Hands:
    """Processes that are started and ended with the block."""

    def __init__(self, processes: int = 1) -> None:
        self.processes = processes
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Hands":
        if self.processes > 1:
            # A forked process would inherit locks that the threads of polars hold.
            self._pool = ProcessPoolExecutor(self.processes, get_context("spawn"), _begin)
            with _ctrl_c_waits():
                for _ in range(self.processes):
                    self._pool.submit(os.getpid)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def each(self, work: Callable[[Task], Answer], tasks: Iterable[Task]) -> Iterator[Answer]:
        """The answers, in the order of the tasks."""
        if self._pool is None:
            yield from map(work, tasks)
            return
        waiting = deque[Future[Answer]]()
        try:
            for task in tasks:
                waiting.append(self._pool.submit(work, task))
                if len(waiting) > AHEAD * self.processes:
                    yield _answer(waiting)
            while waiting:
                yield _answer(waiting)
        finally:
            for one in waiting:
                one.cancel()

    def line(self, work: Callable[[Task], Answer], take: Callable[[Answer], None]) -> "Line[Task, Answer]":
        """The same for tasks that are brought one by one."""
        return Line(self, work, take)


class Line(Generic[Task, Answer]):
    """Tasks are put, answers are taken in their order."""

    def __init__(self, hands: Hands, work: Callable[[Task], Answer], take: Callable[[Answer], None]) -> None:
        self._hands, self._work, self._take = hands, work, take
        self._waiting = deque[Future[Answer]]()

    def put(self, task: Task) -> None:
        """Hand a task over; waits where too many are under way."""
        if self._hands._pool is None:
            self._take(self._work(task))
            return
        self._waiting.append(self._hands._pool.submit(self._work, task))
        if len(self._waiting) > AHEAD * self._hands.processes:
            self._take(_answer(self._waiting))

    def end(self) -> None:
        """Take the answers that are still out."""
        while self._waiting:
            self._take(_answer(self._waiting))


class Helped(Generic[Answer]):
    """`work` on a list of texts, one answer for each: in this process at first, on several when so many letters were read.

        with Helped(look, processes=2, alone=1_000_000) as look:
            look(texts)

    `work` must judge a text alone, and be something that another process can be told of: a function of a module, or a method
    of an object that is small.
    """

    def __init__(self, work: Callable[[Sequence[str]], Sequence[Answer]], *, processes: int, alone: int) -> None:
        self._work, self._processes, self._left = work, processes, alone
        self._hands: Hands | None = None

    def __enter__(self) -> "Helped[Answer]":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._hands is not None:
            self._hands.__exit__(kind, error, at)

    def __call__(self, texts: Sequence[str]) -> Sequence[Answer]:
        if self._processes < 2 or self._left > 0:
            self._left -= sum(map(len, texts))
            return self._work(texts)
        if self._hands is None:
            self._hands = Hands(self._processes).__enter__()
        # Every second text to each of two: the texts come longest first.
        parts = [texts[first :: self._processes] for first in range(self._processes)]
        answers = [iter(part) for part in self._hands.each(self._work, parts)]
        return [next(answers[place % self._processes]) for place in range(len(texts))]


def _answer(waiting: deque[Future[Answer]]) -> Answer:
    try:
        return waiting.popleft().result()
    except BrokenProcessPool as error:
        what = "a process that helps was ended from outside, most likely because memory ran out"
        raise Surroundings(what, hint="the same command again, when less is running beside it") from error


@contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """What is started here never hears of Ctrl-C, and this process a moment later."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    # Ctrl-C reaches every process of a terminal; the first one answers it, and ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Several processes with as many threads each only stand in each other's way.
    os.environ["POLARS_MAX_THREADS"] = "1"
