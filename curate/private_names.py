"""Which names are of private persons, as far as the text around them tells: in "my boss Jane Doe", not in "Jane Austen wrote".

    private_names.private("I am Jane Doe, and I like Jane Austen.", findings)      # the first, not the second

Knowledge is full of names, and a model that learns invented ones instead learns nonsense. So a name counts as private only where
somebody says it of himself, in a greeting or under a letter, of somebody around him, in a form, or beside personal data with a
form of its own. The same name then counts in the whole row. Told stories, persons asked about ("Who was ...") and the assistant's
own name do not count, unless personal data stands beside them; a name that answers all over the rows are signed with never does
(`own_names`). Where no sign is given the name is left.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache

from curate import ages, doxxing
from curate.leaves import Leaf
from curate.naming import address
from curate.pii import KINDS, TELLING, Finder, Finding, Findings, InRow, mask

SAME_VALUE = "same value"  # as `replacement` names it
NAMES = frozenset({"PERSON", "LOCATION", "ORGANIZATION"})
IN_QUESTION = NAMES | {"STREET_ADDRESS"}  # kinds of which it is asked whether they are private
BEFORE, AFTER = 60, 60  # characters around a name that are read
_OWN = re.compile(r"\b(?:I am|I'm|I’m|[Mm]y name is|[Tt]his is)\s*$")
SURE, SURE_IN_LOWER_CASE = 0.85, 0.95  # what a name needs to count as private: more than to be found

_QUOTES = r"[\"“'(*_>-]{0,3}"
_START = rf"(?:^|\n|[.!?:]\s+)\s*{_QUOTES}\s*"
_SELF = (
    r"\b(?:my (?:\w+ ){0,2}(?-i:name)(?:'s|’s| is|:)?|I am|I'm|I’m|call me|(?:I|we)(?:'ve| have| had)? (?:just |also )?(?:spoke|spoken|talked|chatted|met|dealt|e?mailed|called"
    r"|contacted)(?: (?:to|with))?|you(?:'re| are) (?:now )?(?:speaking|talking|chatting) (?:to|with)|(?:please |can you |could you )ask(?: for)?|attn\.?:?|c/o)"
)
_THIS_IS = rf"{_START}(?:(?:hi|hello|hey)\W+)?this is"
_SPEAKING = re.compile(r"\s*(?:from|here|speaking|at|calling|again|with)\b|\s*(?:[,.!]|-|–|$)")
_GREETING = rf"{_START}(?:dear|hi|hello|hey|good (?:morning|afternoon|evening)|thanks(?: again| so much)?|thank you(?: so much)?|sorry|welcome)(?: there| again)?,?"
_GREETED = re.compile(
    r"\s*(?:[,!.;:)\n—–-]|$)|\s+(?:and|thanks?|I|we|please|can|could|would|my|just|this|your|how|sorry|hope|it's|the|for)\b"
)
_CLOSING = (
    r"(?:^|\n|[.!?]\s)[ \t]*(?:(?:many|kind|best|warm|warmest|with|lots of|all my|much|my|yours|and) )*(?:regards|sincerely|cheers|yours(?: truly| faithfully)?|best(?: wishes)?|thanks(?: again| in advance)?|thank you|love|respectfully|warmly|signed)"
    r"[ \t]*(?:[,.!-]+[ \t]*\n?|\n)\s*[-–—]?"
)
_ENDS = re.compile(r"[ \t]*(?:\n|$|[,|.]\s|x{1,3}\b)")
_RELATION = (  # in lower case: "My Cousin Vinny" is a film
    r"(?-i:boss|manager|supervisor|colleague|co-?worker|neighbou?r|friend|wife|husband|partner|brother|sister|son|daughter|mother|father|mom|mum|dad"
    r"|uncle|aunt|cousin|niece|nephew|girlfriend|boyfriend|ex|landlord|landlady|teacher|therapist|doctor|dentist|nurse|room-?mate|flat-?mate"
    r"|housemate|assistant|client|customer|patient|tenant|lawyer|accountant|agent|technician)"
)
_AROUND = (
    rf"\b(?:my|our|your) (?:[\w-]+ ){{0,2}}{_RELATION}(?: (?:is|was))?(?: (?:called|named)|(?:'s|’s) name is)?,?"
    rf"|(?:{_START}|\b(?-i:the|our|your|this|for|from|to|of|by) )(?:customer|client|patient|tenant|caller|account holder|card ?holder),?"
)
_FIELD = (
    r"(?:^|[\n;|,({\[\"'*>-]\s*)(?:(?:full|first|last|given|family|middle|customer|client|patient|contact|account|card ?holder|employee|user|sender|recipient)(?:'s)?[ _-]?"
    r"names?|name|surname|customer|client|patient|sender|recipient|from|to|cc|bcc|attn|signed(?: by)?|reported by|assignee|tenant|employee)\W{0,3}[:=]"
)
_SIGNS: tuple[tuple[re.Pattern[str], re.Pattern[str] | None], ...] = tuple(
    (re.compile(rf"(?:{before})\s*{_QUOTES}\s*$", re.IGNORECASE), after)
    for before, after in (
        (rf"{_SELF}|{_AROUND}", None),
        (_THIS_IS, _SPEAKING),
        (_GREETING, _GREETED),
        (_CLOSING, _ENDS),
        (_FIELD, None),
    )
)
_LABEL = re.compile(
    r"\b(?:names?|customer|client|patient|sender|recipient|from|to|user|contact|employee|owner)\b", re.IGNORECASE
)
# What a row says of itself where its persons are made up or known to all.
_TOLD = re.compile(
    r"\bonce upon a time\b|\b(?:story|stories|tale|novel|novella|fiction(?:al)?|screenplay|movie|film|fairy ?tale|fable|protagonist|characters?|episode"
    r"|poem|plot|lyrics|riddle|sitcom|anime)\b",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"\b(?:who(?:'s| is| was| are| were)|tell me (?:more )?about|biography of|(?:books?|songs?|films?|movies?|albums?|paintings?|quotes?|works|speech|play)"
    r" (?:written |directed |painted |sung )?(?:by|of)|king|queen|president|emperor|pope|saint|st\.|prince|princess|senator|lord|prime minister)\s*$",
    re.IGNORECASE,
)
_KNOWN = re.compile(
    r"\s*\((?:born\b|b\.|c\.|[^()\n]{0,40}\d{4})|,? (?:is|was) (?:a|an|the) (?:[\w-]+ ){0,4}(?:actor|actress|singer|songwriter|politician|author|writer|poet"
    r"|novelist|painter|artist|musician|composer|player|footballer|coach|philosopher|physicist|mathematician|scientist|king|queen|emperor|general|president)\b",
    re.IGNORECASE,
)
_PERSONA = re.compile(
    r"\b(?:you are|you're|act as|answer as|speak as|pretend to be|your name is|reply as)\s*$", re.IGNORECASE
)
_NOBODY = frozenset(
    {"mum", "mom", "dad", "mommy", "daddy", "mother", "father", "grandma", "grandpa", "sir", "madam", "santa",
     "god", "lord", "lady", "team", "all", "everyone", "everybody", "friend", "friends", "folks", "guys", "there",
     "siri", "alexa", "cortana", "google", "chatgpt", "gpt", "assistant", "diary", "hiring", "manager", "editor",
     "committee"}
)  # fmt: skip
_HOME = re.compile(
    r"\baddress|\b(?:I|we|he|she|they)(?:'m| am| is| are)?(?: \w+){0,2} liv(?:e|es|ed|ing)\b|\blives? (?:at|in)\b|\bmy \w+|\bour (?:home|house|flat|new|old)\b|\b(?:deliver|ship|send|sent|mail)"
    r"|\bmoved? to\b|\bbilling\b|\bI(?:'m| am)\b|\bcome to\b|\bpick .{0,20}up\b|\bstreet\s*:|\bhome\s*:",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]{2,}")
# Everybody knows the handles and the ages of the known.
_FORMS = frozenset(KINDS) - {"URL", "USERNAME", "AGE"}
# An address is found by its form, or by the finder of names.
_STREET, _BY_FORM = "STREET_ADDRESS", ("StreetAddress", doxxing.POSTAL_CODE, SAME_VALUE)


def private(leaves: Sequence[Leaf], found: Sequence[Findings], roles: Sequence[str | None] = ()) -> list[Findings]:
    """The findings of a row without the names of which nothing says that they are private. Other kinds all stay.

    `roles`: who says each turn; without them nobody is taken for the assistant. Places and organisations stay where they stand
    within reach of a private name and complete a combination (`doxxing`); addresses that only the finder of names found, where
    words before them say that somebody lives or gets mail there; ages beside what tells whose they are (`with_identity`).
    """
    found = [tuple(f for f in some if _is_home(leaf, f)) for leaf, some in zip(leaves, found, strict=True)]

    @cache
    def told() -> bool:  # asked last, since most rows with names have none with a sign
        return any(_TOLD.search(leaf.text) for leaf in leaves)

    known = set(_known(leaves, found, roles))
    telling = [_telling(leaf, findings, told, known) for leaf, findings in zip(leaves, found, strict=True)]
    words = {
        word
        for leaf, names in zip(leaves, telling, strict=True)
        for f in names
        for word in _WORD.findall(leaf.text[f.start : f.end].casefold())
    }
    out = []
    for leaf, findings in zip(leaves, found, strict=True):
        persons = [f for f in findings if f.kind == "PERSON" and _last(leaf.text[f.start : f.end]) in words]
        rest = [f for f in findings if f.kind in NAMES - {"PERSON"}]
        # Every combination with a town or an employer has a private person in it, or somebody who says what he is.
        if rest and (persons or doxxing.SELF.search(leaf.text)):
            rest = [f for f in rest if _completes(leaf.text, f, _around(f, persons), _around(f, rest))]
        else:
            rest = []
        chosen = {*persons, *rest}
        out.append(with_identity(leaf.text, [f for f in findings if f.kind not in NAMES or f in chosen]))
    return out


def private_in(rows: Sequence[InRow]) -> list[Sequence[Findings]]:
    """The same of each row, without the assistant's own name."""
    own = own_names(rows)
    return [
        private(row.leaves, without(row.leaves, row.found, own), row.roles) if any(row.found) else row.found
        for row in rows
    ]


def masker(finder: Finder) -> Callable[[str], str]:
    """A text in, the text as a report may show it out: personal data with a form and the names of private persons masked."""

    def masked(text: str) -> str:
        (found,) = private([Leaf(None, "content", 0, "", text)], finder.find([text]))
        return mask(text, found)

    return masked


def own_names(rows: Sequence[InRow]) -> frozenset[str]:
    """Names of one word that the assistant signs with or gives as its own in so many rows that they are its, in lower case.

    An answer that is signed is nobody's personal data, and a persona must keep its name. A name of two words is somebody's, and
    one that the assistant greets is a user's.
    """
    said = Counter(
        name
        for row in rows
        for name in {
            leaf.text[f.start : f.end].casefold()
            for leaf, some in zip(row.leaves, row.found, strict=True)
            if leaf.turn is not None and row.roles[leaf.turn] in ("assistant", "system")
            for f in some
            if f.kind == "PERSON" and _is_own(leaf.text, f)
        }
    )
    share, fewest = doxxing.EVERYBODY
    return frozenset(name for name, n in said.items() if " " not in name and n >= max(fewest, share * len(rows)))


def _is_own(text: str, f: Finding) -> bool:
    """Whether a text is signed with the name, on a line below the first that is no sentence, or gives it as the writer's."""
    before, after = text[: f.start].rpartition("\n"), text[f.end : f.end + AFTER].partition("\n")[0]
    signed = bool(before[1]) and not before[2].strip(" \t-–—*_\"'") and after.rstrip()[-1:] not in tuple(".?!:;")
    return signed or _OWN.search(text[max(0, f.start - BEFORE) : f.start]) is not None


def without(leaves: Sequence[Leaf], found: Sequence[Findings], own: Collection[str]) -> list[Findings]:
    """The findings of a row without these names of persons."""
    return [
        tuple(f for f in some if f.kind != "PERSON" or leaf.text[f.start : f.end].casefold() not in own)
        if own
        else some
        for leaf, some in zip(leaves, found, strict=True)
    ]


def with_identity(text: str, findings: Sequence[Finding]) -> Findings:
    """The findings without the ages of which nothing beside them tells whose they are (`ages.beside`).

    A name tells it, personal data with a form, and where somebody says of himself what he is and where: "a 34-year-old nurse in Leeds".
    """
    kept = ages.beside(findings, TELLING | {"PERSON"})
    towns = [f for f in findings if f.kind == "LOCATION"]
    if len(kept) == len(findings) or not towns:
        return kept
    stays = set(kept)
    for f in set(findings) - stays:
        if ages.within(f, towns) and doxxing.SELF.search(text[max(0, f.start - doxxing.REACH) : f.end + doxxing.REACH]):
            stays.add(f)
    return tuple(f for f in findings if f in stays)


def _around(place: Finding, some: Sequence[Finding]) -> Sequence[Finding]:
    """Those of the findings, which are in order, that stand near a place."""
    low = bisect_left(some, place.start - 2 * doxxing.REACH, key=lambda f: f.start)
    return some[low : bisect_right(some, place.end + 2 * doxxing.REACH, key=lambda f: f.start)]


def _is_home(leaf: Leaf, f: Finding) -> bool:
    """Whether an address that the finder of names made is said to be somebody's; other findings all are what they are."""
    if f.kind != _STREET or f.recogniser in _BY_FORM:
        return True
    # An address with a street and a postal code is written down to send something there.
    if address.POSTAL.search(leaf.text[f.start : f.end]):
        return True
    if not address.has_a_number(leaf.text[f.start : f.end]):  # "Abbey Road" is an album, too
        return bool(address.HOME.search(leaf.text[max(0, f.start - BEFORE) : f.start]))
    return bool(_HOME.search(leaf.label) or _HOME.search(leaf.text[max(0, f.start - BEFORE) : f.start]))


def _telling(leaf: Leaf, findings: Findings, told: Callable[[], bool], known: set[str]) -> list[Finding]:
    """The names of a text that a sign says to be private. `told`: whether the row tells a story."""
    names = [f for f in findings if f.kind == "PERSON" and _could_be(leaf.text, f)]
    beside = {_nearest(f, names) for f in findings if f.kind in _FORMS} if names else set()
    labelled = bool(leaf.label and _LABEL.search(leaf.label))
    return [
        f
        for f in names
        if f in beside
        or (_last(leaf.text[f.start : f.end]) not in known and (labelled or _has_sign(leaf.text, f)) and not told())
    ]


def _has_sign(text: str, f: Finding) -> bool:
    before, after = text[max(0, f.start - BEFORE) : f.start], text[f.end : f.end + AFTER]
    if f.start > BEFORE:
        before = "…" + before  # what is cut off is no beginning of a text
    return any(sign.search(before) and (rest is None or rest.match(after)) for sign, rest in _SIGNS)


def _could_be(text: str, f: Finding) -> bool:
    """Whether a finding looks like somebody's name: with a capital, or surely one in a text without capitals; not SHOUTED alone."""
    name = text[f.start : f.end]
    words = [word.casefold() for word in _WORD.findall(name)]
    if not words or _NOBODY.issuperset(words) or f.score < SURE:
        return False
    if name.islower():
        return f.score >= SURE_IN_LOWER_CASE and not any(c.isupper() for c in text)
    return not name.isupper() or len(words) > 1 or text.isupper()


def _known(leaves: Sequence[Leaf], found: Sequence[Findings], roles: Sequence[str | None]) -> Iterator[str]:
    """Last words of names that the row asks about or tells of as known persons, and of the assistant's own."""
    for leaf, findings in zip(leaves, found, strict=True):
        assistant = leaf.turn is not None and leaf.turn < len(roles) and roles[leaf.turn] in ("assistant", "system")
        for f in findings:
            if f.kind != "PERSON":
                continue
            before, after = leaf.text[max(0, f.start - BEFORE) : f.start], leaf.text[f.end : f.end + AFTER]
            # Lower case only: a letter that the assistant writes for somebody says "My name is" at its start.
            own = assistant and re.search(r"\b(?:I am|I'm|I’m|my name is|this is)\s*$", before)
            if own or _PERSONA.search(before) or _ASKED.search(before) or _KNOWN.match(after):
                yield _last(leaf.text[f.start : f.end])


def _nearest(one: Finding, names: Sequence[Finding]) -> Finding | None:
    """Whose contact, home or number it is: the name that stands nearest, if it is within reach. Names are in order and apart."""
    at = bisect_left(names, one.start, key=lambda name: name.start)
    apart = {name: max(name.start - one.end, one.start - name.end) for name in names[max(0, at - 1) : at + 2]}
    nearest = min(apart, key=lambda name: (apart[name], name.start))
    return nearest if apart[nearest] <= doxxing.REACH else None


def _completes(text: str, place: Finding, persons: Sequence[Finding], rest: Sequence[Finding]) -> bool:
    """Whether a combination with a private person, or one that somebody tells of himself, needs this place or employer."""
    nearest = min(persons, key=lambda person: (abs(person.start - place.start), person.start), default=None)
    near = [nearest] if nearest and abs(nearest.start - place.start) <= doxxing.REACH else []
    start = max(0, place.start - 3 * doxxing.REACH)
    for around in [*([person, *rest] for person in near), list(rest)]:
        here = [f._replace(start=f.start - start, end=f.end - start) for f in around if f.start >= start]
        without = [f for f in here if f.kind != place.kind]  # all towns, since the same one may stand there twice
        said = text[start : place.end + 3 * doxxing.REACH]
        if set(doxxing.combinations(said, here)) - set(doxxing.combinations(said, without)):
            return True
    return False


def _last(name: str) -> str:
    """The word by which a name is known again: "Jane" is the private Jane Doe, "Jane Austen" is somebody else."""
    words: list[str] = _WORD.findall(name.casefold())
    return words[-1] if words else ""
