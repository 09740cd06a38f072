"""Time in proportion to length, on text made to run a pattern away: CPU time of twice the length, and beside plain text.

print("\\n".join(adversarial(finder.find)))
"""

import time
from collections.abc import Callable, Iterator, Sequence

from curate.pii import Findings

Find = Callable[[Sequence[str]], list[Findings]]

LENGTH = 25_000
PLAIN = "The lamp on the table is warm and nobody asked for a second cup of tea in the morning. "
UNITS = ("a", "a.", "1 ", "@", "a@", "1.", "::", "-", "AB12 ", "<EMAIL_1> ", "Street 1 ", "://", "born 1 ", "Dear ", "my boss ", "name: ", "Ann Lee, ",
         "12 Elm Street, ", "LS4 2BN ", "\u202e", "\0", "if x = 1:\n", "\"'`", "sk-", "passport 1")  # fmt: skip


def adversarial(find: Find) -> Iterator[str]:
    """A line for the worst unit of each kind: growth from one length to twice it, and times the plain text's cost."""
    find([PLAIN, *(unit * 200 for unit in UNITS)])  # loads every recogniser, which is not what is timed
    plain = cost(find, PLAIN, 2 * LENGTH)
    growth = {unit: cost(find, unit, 2 * LENGTH) / cost(find, unit, LENGTH) for unit in UNITS}
    beside = {unit: cost(find, unit, 2 * LENGTH) / plain for unit in UNITS}
    for title, ratios in (("twice the length costs", growth), ("beside plain text of the same length", beside)):
        worst = sorted(ratios, key=lambda unit: -ratios[unit])[:3]
        yield f"{title}: at most " + ", ".join(f"{ratios[unit]:.1f} times ({unit!r})" for unit in worst)


def cost(find: Find, unit: str, length: int) -> float:
    """CPU seconds, the better of two; each text is new, so that nothing is remembered."""
    times = []
    for number in range(2):
        text = f"{number} " + unit * (length // len(unit))
        start = time.process_time()
        find([text])
        times.append(time.process_time() - start)
    return max(min(times), 1e-4)
