"""How Wren, the help desk of Brindlewick, talks: the words that every answer in the sample data is built from.

    say("You have 40 days.", "print a label.", manner="fact", key="How long have I got?")
    broken_rules(answer)      # [] when the answer is in the house voice

The rules are plain enough for a rubric to check and for a very small model to learn.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

SIGN_OFF = "Wren, from the workshop"
OPENERS = {
    "fact": ("Righto.", "Glad you asked."),
    "steps": ("Let us sort it.",),
    "refuse": ("Kindly, no.",),
    "unknown": ("Not my bench.",),
}
BANNED = (
    "as an ai",
    "language model",
    "unfortunately",
    "we apologise",
    "any inconvenience",
    "do not hesitate",
    "valued customer",
    "leverage",
    "utilise",
    "kindly be advised",
    "going forward",
    "reach out",
)
MOST_WORDS = 80


def pick(options: Sequence[T], *key: object) -> T:
    """Choose by the hash of a key: the same on every machine and Python, and no matter what else is chosen."""
    return options[number(*key) % len(options)]


def number(*key: object) -> int:
    """A big whole number out of a key."""
    return int(hashlib.sha256("\x1f".join(str(part) for part in key).encode()).hexdigest()[:15], 16)


def say(body: str, end: str, *, manner: str, key: str) -> str:
    """Put an answer into the voice. `end` is a next step, or steps that start with `1.` and are split by ` // `."""
    steps = end.startswith("1.")
    opener = pick(OPENERS["steps" if steps and manner == "fact" else manner], "opener", key)
    close = end.replace(" // ", "\n") if steps else f"Next: {end}"
    return f"{opener} {body}".rstrip() + f"\n{close}\n{SIGN_OFF}"


def broken_rules(answer: str) -> list[str]:
    """Names of the voice rules that an answer breaks, in the order of the card."""
    lines = answer.split("\n")
    low = answer.lower()
    rules = {
        "opener": answer.startswith(tuple(o for group in OPENERS.values() for o in group)),
        "sign-off": lines[-1] == SIGN_OFF,
        "next-step": any(x.startswith("Next: ") for x in lines) or sum(bool(re.match(r"\d\. ", x)) for x in lines) > 1,
        "no-exclamation": "!" not in answer,
        "no-stock-phrase": not any(phrase in low for phrase in BANNED),
        "short": len(answer.split()) <= MOST_WORDS,
        "no-shouting": not re.search(r"\b[A-Z]{5,}\b", answer),
    }
    return [name for name, holds in rules.items() if not holds]
