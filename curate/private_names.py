"""Which names are of private persons, as far as the text around them tells: in "my boss Jane Doe", not in "Jane Austen wrote".

    private_names.private("I am Jane Doe, and I like Jane Austen.", findings)      # the first, not the second

Knowledge is full of names, and a model that learns invented ones instead learns nonsense. So a name counts as private where somebody
says it of himself or of somebody around him, in a greeting or signature, in a field for names, or beside a contact, a home or a
number of a person. The same name then counts in the whole row. Where the text gives no such sign, the name is left and counted.
"""

import re
from collections.abc import Sequence

from curate import doxxing
from curate.leaves import Leaf
from curate.pii import Finding, Findings

NAMES = frozenset({"PERSON", "LOCATION", "ORGANIZATION"})
BEFORE = 40  # characters in front of a name that are read

_SELF = (
    r"\bmy (?:\w+ ){0,2}name(?:'s| is|:)?|\bname\s*[:=]|\bnamed?\b(?= *$)|\b(?:I am|I'm|I’m|this is|call me|it's|speaking with|spoke (?:to|with)"
    r"|talk(?:ed|ing)? to|ask(?:ed)? for|signed(?: by)?|reported by|attn\.?|attention|c/o|cc|from|to|sender|recipient|customer|client"
    r"|patient|tenant|employee|applicant|candidate|student|member|contact)\s*:?"
)
_GREETING = r"(?:^|[\n.!?]\s*)(?:dear|hi|hello|hey|good (?:morning|afternoon|evening)|thanks|thank you|sorry|ok|okay|welcome)(?: again| so much)?,?"
_SIGNATURE = r"\b(?:regards|sincerely|cheers|yours(?: truly| faithfully)?|best(?: wishes)?|thanks|thank you|love|respectfully)\s*[,.!-]?"
_AROUND = (
    r"\b(?:my|our|his|her|their|the) (?:\w+ ){0,1}(?:boss|manager|colleague|coworker|co-worker|neighbou?r|friend|wife|husband|partner|brother"
    r"|sister|son|daughter|mother|father|mom|mum|dad|uncle|aunt|cousin|girlfriend|boyfriend|ex|landlord|landlady|tenant|teacher|therapist"
    r"|doctor|nurse|roommate|flatmate|employee|assistant|client|customer|patient|agent|technician),?"
)
_PRIVATE = re.compile(rf"(?:{_SELF}|{_GREETING}|{_SIGNATURE}|{_AROUND})\s*[\"“'(*_-]{{0,3}}\s*$", re.IGNORECASE)
_LABEL = re.compile(
    r"\b(?:name|customer|client|patient|author|sender|recipient|from|to|user|contact|employee|owner)\b", re.IGNORECASE
)
_CLOSE = doxxing.HOME | doxxing.NUMBER | doxxing.CONTACT
_WORD = re.compile(r"[^\W\d_]{2,}")


def private(leaves: Sequence[Leaf], found: Sequence[Findings]) -> list[Findings]:
    """The findings of a row without the names of which nothing says that they are private. Other kinds all stay.

    Places and organisations stay where they stand within reach of a private name and complete a combination (`doxxing`).
    """
    telling = [_telling(leaf, findings) for leaf, findings in zip(leaves, found, strict=True)]
    words = {
        word
        for leaf, names in zip(leaves, telling, strict=True)
        for f in names
        for word in _WORD.findall(leaf.text[f.start : f.end].casefold())
    }
    out = []
    for leaf, findings in zip(leaves, found, strict=True):
        persons = [f for f in findings if f.kind == "PERSON" and _last(leaf.text[f.start : f.end]) in words]
        near = [
            f
            for f in findings
            if f.kind in ("LOCATION", "ORGANIZATION") and _completes(leaf.text, f, persons, findings)
        ]
        out.append(tuple(f for f in findings if f.kind not in NAMES or f in persons or f in near))
    return out


def _telling(leaf: Leaf, findings: Findings) -> list[Finding]:
    names = [f for f in findings if f.kind == "PERSON"]
    if leaf.label and _LABEL.search(leaf.label):
        return names
    beside = {_nearest(f, names) for f in findings if f.kind in _CLOSE} if names else set()
    return [f for f in names if f in beside or _PRIVATE.search(leaf.text[max(0, f.start - BEFORE) : f.start])]


def _nearest(one: Finding, names: Sequence[Finding]) -> Finding | None:
    """Whose contact, home or number it is: the name that stands nearest, if it is within reach."""
    apart = {name: max(name.start - one.end, one.start - name.end) for name in names}
    nearest = min(names, key=lambda name: (apart[name], name.start))
    return nearest if apart[nearest] <= doxxing.REACH else None


def _completes(text: str, place: Finding, persons: Sequence[Finding], findings: Findings) -> bool:
    for person in persons:
        if abs(person.start - place.start) <= doxxing.REACH:
            around = [person, *(f for f in findings if f.kind in NAMES - {"PERSON"})]
            without = [f for f in around if f != place]
            if set(doxxing.combinations(text, around)) - set(doxxing.combinations(text, without)):
                return True
    return False


def _last(name: str) -> str:
    """The word by which a name is known again: "Jane" is the private Jane Doe, "Jane Austen" is somebody else."""
    words: list[str] = _WORD.findall(name.casefold())
    return words[-1] if words else ""
