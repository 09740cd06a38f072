"""How queries begin: what is asked for, as a verb and the first word of weight after it.

    opening("Please write a short story about a fox.")      # ("write", "story")
    opening("How tall is it?")                              # None: a question, no request

After Self-Instruct (Wang et al. 2023, arXiv 2212.10560), which parses sentences. Here word lists do it: a verb of the list
within the first words, then the first word that is neither small nor a plain describing word. English requests only.
"""

from collections import Counter
from collections.abc import Sequence

from curate import text

LOOKED_AT = 12  # words of a query's start

_VERBS = """add advise analyse analyze answer arrange ask assess assign brainstorm break build calculate categorise categorize
change check choose cite clarify classify clean code collect combine come compare compile complete compose compute condense
conduct construct convert copy correct count create critique decide deduce define delete demonstrate derive describe design
detail detect determine develop devise diagnose differentiate discuss distinguish divide draft draw edit elaborate eliminate
enumerate estimate evaluate examine expand explain explore express extract fill find fix format formulate generate go group
guess help hypothesise hypothesize identify imagine implement improve indicate infer insert inspect interpret introduce invent
justify label list locate look make match measure mention merge modify multiply name narrate offer optimise optimize order organise
organize outline paraphrase parse perform pick plan play point predict prepare present produce propose prove provide put quote
rank rate read rearrange recommend record reduce refactor rename reorder rephrase replace reply report represent research respond
restate reverse review revise rewrite round say schedule select send separate set show simplify simulate solve sort specify split
state structure study substitute suggest sum summarise summarize swap take talk teach tell test think trace track transform translate
transcribe try turn update use validate verify visualise visualize weigh work write"""
_PLAIN = """short brief long simple detailed quick good great best new list few two three four five six seven ten following
given specific creative original different various complete full main important key possible common appropriate suitable certain
first last next second sample example short-form funny interesting concise clear basic little big small several many everything
something anything out up down between among different"""
_BEFORE = frozenset(
    [
        "please",
        "can",
        "could",
        "would",
        "will",
        "you",
        "i",
        "want",
        "need",
        "help",
        "me",
        "kindly",
        "now",
        "to",
        "let",
        "us",
        "let's",
        "hey",
        "hi",
        "hello",
        "ok",
        "okay",
        "the",
    ]
)
VERBS, PLAIN = frozenset(_VERBS.split()), frozenset(_PLAIN.split())


def opening(query: str) -> tuple[str, str] | None:
    """The verb that a request opens with and the word of weight after it ("" where there is none); None for no request."""
    return _of(text.tokens(query[: 40 * LOOKED_AT])[:LOOKED_AT])


def openings(queries: Sequence[str]) -> Counter[tuple[str, str]]:
    """How often each opening stands; queries that are no request are in none."""
    starts = [query[: 40 * LOOKED_AT] for query in queries]
    found = (_of(tokens) for tokens in text.all_tokens(starts).list.head(LOOKED_AT).to_list())
    return Counter(pair for pair in found if pair is not None)


def _of(tokens: Sequence[str]) -> tuple[str, str] | None:
    for place, word in enumerate(tokens):
        if word in VERBS and not (word == "help" and place + 1 < len(tokens) and tokens[place + 1] in ("me", "us")):
            after = (w for w in tokens[place + 1 :] if w.isalpha() and w not in text.SMALL_WORDS and w not in PLAIN)
            return word, next(after, "")
        if word not in _BEFORE:
            return None
    return None
