"""Words that came with the machine that wrote an answer: talk of being a model, unfilled placeholders, control marks.

    speaks_as_a_model(exchange)       # 'as an AI'
    placeholder(exchange)             # '{{...}}'
    control_marks(exchange)           # '<|im_end|>'

Who asks what the assistant is, gets an answer to that. Otherwise the phrase is left from the model that wrote the data.
"""

import re

from curate.faults.exchanges import Exchange, has_code
from curate.refusals import HEAD, look

_PHRASES = {
    "as an AI": r"\bas an? (?:\w+[ -]){0,2}?(?:ai|a\.i\.|artificial intelligence)\b(?! (?:researcher|engineer|developer|company|expert|specialist|student|scientist|professional|practitioner|consultant|startup|enthusiast))",
    "as a language model": r"\bas an? (?:\w+[ -]){0,3}?language model\b",
    "I am an AI": r"\b(?:i am|i'm) (?:just |only |merely |simply )?an? (?:\w+[ -]){0,2}?(?:ai|artificial intelligence|language model|chatbot)\b",
    "knowledge cutoff": r"\b(?:my|the) (?:knowledge|training) (?:data )?(?:cut-?off|ends|only (?:goes|extends))\b|\bas of my (?:last|latest|most recent|knowledge)(?: knowledge)?(?: training)? (?:update|cut-?off|training)\b",
    "no feelings of its own": r"\bi (?:do not|don'?t) have (?:personal |any )?(?:feelings|emotions|opinions|experiences|beliefs|preferences|real-time)\b",
}  # fmt: skip
_PATTERNS = {name: re.compile(pattern) for name, pattern in _PHRASES.items()}
# Each phrase has one of these in it: looking for them first makes the search quick.
_MODEL_PARTS = (
    "ai",
    "a.i.",
    "artificial",
    "language model",
    "chatbot",
    "cutoff",
    "cut-off",
    "my ",
    "i do",
    "training",
    "knowledge",
)
_WHO = re.compile(
    r"\b(?:who|what) (?:are|r) (?:you|u)\b|\bwho (?:made|built|created|trained|developed|designed|is behind) you\b|\b(?:what|which|who|whose|tell me|about)(?:'s| is| are| was)? your (?:name|maker|creator|developer|identity|feelings|opinion|knowledge)\b"
    r"|\bare you (?:an?|the|really|human|chatgpt|real|conscious|sentient|able|capable|made|built|trained|developed|created|based|powered|related|open)\b|\b(?:introduce|describe|tell me about|explain|identify) yourself\b|\b(?:ai|a\.i\.|artificial intelligence|language models?|chatbots?|chatgpt|gpt|llms?)\b"
    r"|\b(?:what|where|how) (?:can|do|are) you (?:do|stay|live|from|work|called|doing)\b|\b(?:hi|hello|hey|greetings)\b|\bcan i (?:call|name) you\b|\bdo you (?:have|feel|know|think|believe|like|sleep|eat)\b"
)
_TELLS_A_STORY = re.compile(
    r"\b(?:story|dialogue|dialog|conversation|scene|poem|lyrics|song|letter|e-?mail|speech|diary|journal|monologue|role-?play|sentence|sentences|paragraph|quote|rewrite|rephrase|transform|tense|negative|negate)\b",
    re.IGNORECASE,
)
_PLACEHOLDER = {
    "{{...}}": re.compile(r"(?<![{$\\])\{\{ ?[A-Za-z_][\w .-]{0,40}\}\}(?!\})"),
    "[insert ...]": re.compile(r"\[(?:insert|INSERT|Insert) [^\]\n]{1,60}\]"),
    "<your ...>": re.compile(r"<(?:your|insert)[ _-][\w -]{1,40}>", re.IGNORECASE),
    "lorem ipsum": re.compile(r"\blorem ipsum dolor\b", re.IGNORECASE),
}
_ASKS_FOR_BLANKS = re.compile(
    r"\b(?:template|placeholder|fill[- ]in|letter|e-?mail|form|draft|cover|resume|blank|contract|script|html|jinja|handlebars|invitation|speech|notice|lorem|generic|sample|message|post)s?\b|[{\[<]",
    re.IGNORECASE,
)
_MARKS = re.compile(
    r"<\|(?:im_start|im_end|im_sep|endoftext|eot_id|begin_of_text|end_of_text|start_header_id|end_header_id|user|assistant|system|end|pad)\|>"
    r"|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|^</?s>|</s>\s*$|^#{2,3} ?(?:Response|Instruction|Human|Assistant) ?: *$",
    re.MULTILINE,
)
_ABOUT_MARKS = re.compile(r"\b(?:token|chat template|prompt format|chatml|special|tokenizer)s?\b", re.IGNORECASE)


def speaks_as_a_model(one: Exchange) -> str | None:
    """The phrase with which an answer talks of itself as a model, unless it was asked what it is."""
    said = one.said.lower().replace("\u2019", "'")
    if not any(part in said for part in _MODEL_PARTS):
        return None
    found = next((name for name, pattern in _PATTERNS.items() if pattern.search(said)), None)
    if found is None or _WHO.search(one.before.lower()):
        return None
    return found


# Rules of `refusals` by which the speaker declines. The others judge a prompt's morals, and an essay does that too.
_DECLINES = ("says it will not", "declines", "has no access", "opens with no", "not something i do")
# What reads like declining and is none: "couldn't help but", advice ("I would not recommend"), a plain "No, it is not".
_NEGATIONS = (
    "not",
    "n't",
    "n\u2019t",
    "unable",
    "decline",
    "refuse",
    "no,",
    "no.",
    "no!",
    "sorry",
    "afraid",
    "apolog",
    "kindly",
)
_NO_REFUSAL = re.compile(
    r"help but\b|\b(?:not|n't) (?:wait|believe|imagine|thank|stop|stress|say enough)\b|\bwould(?: not|n't|nt)\b|\b(?:recommend|suggest|encourage|promote|endorse|support)\b|tell you that|^(?:no|nope)\b"
)
_QUOTED = re.compile(r"[\"\u201c\u201d*]|^[^.!?\n]{1,30}:\s", re.MULTILINE)  # speech that is not the assistant's own
OPENING = 200  # characters: an assistant that declines says so at once


def refuses(one: Exchange) -> str | None:
    """The rule by which an answer is a refusal in the assistant's own voice, or None."""
    head = one.said[:HEAD]
    if not any(part in head.lower() for part in _NEGATIONS):
        return None
    found = look(head)
    if found.kind != "refusal" or found.rule not in _DECLINES or found.start > OPENING:
        return None
    words = one.said[found.start : found.end].lower().replace("\u2019", "'")
    if _NO_REFUSAL.search(f"{words}{one.said[found.end : found.end + 12].lower()}") or _QUOTED.search(
        one.said[: found.start]
    ):
        return None
    # "It goes where I cannot." and "I will not succeed." end in no verb of helping.
    bare = found.rule == "says it will not" and words.endswith((".", "!"))
    return None if bare or _TELLS_A_STORY.search(one.asked) else found.rule


def placeholder(one: Exchange) -> str | None:
    """The kind of placeholder that nobody filled in, where none was asked for and no code is shown."""
    if not any(sign in one.said for sign in ("{{", "[", "<", "orem")):
        return None
    found = next((name for name, pattern in _PLACEHOLDER.items() if pattern.search(one.said)), None)
    if found is None or has_code(one.said) or _ASKS_FOR_BLANKS.search(f"{one.system}\n{one.before}"):
        return None
    return found


def control_marks(one: Exchange) -> str | None:
    """A mark of some chat template in question or answer, where the talk is not of such marks."""
    found = _MARKS.search(one.said) or _MARKS.search(one.asked)
    return None if found is None or has_code(one.said) or _ABOUT_MARKS.search(one.before) else found[0].strip()
