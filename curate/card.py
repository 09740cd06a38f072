"""The dataset card: what a stranger should know before training on these rows, with the front matter Hugging Face reads.

    card(found, name="support chats", licence="apache-2.0")      # found: curate.audit.Audit

It says what was measured and nothing else. What only the makers know (where rows come from, who agreed to it, what they are
for) stands as a question for them. No text of a row is in it.
"""

import re
from pathlib import Path

import yaml

from curate import bias_report, lengths, save, stats
from curate.audit import READ, USABLE, Audit
from curate.counted import counted
from curate.diversity import vendi
from curate.errors import BadInput
from curate.report import Block, Cell, Column, Fact, Figure, Note, Report, Section, Table

UNKNOWN = "unknown"
SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000)
SPOKEN = 0.01  # of the rows speak a language that is named
# ISO 639-1. What is only a script (Cyrillic, Arabic) may be one of several languages and has no code.
CODES = {
    "English": "en", "German": "de", "French": "fr", "Spanish": "es", "Italian": "it", "Portuguese": "pt", "Dutch": "nl",
    "Polish": "pl", "Swedish": "sv", "Danish": "da", "Turkish": "tr", "Indonesian": "id", "Vietnamese": "vi", "Greek": "el",
    "Hebrew": "he", "Korean": "ko", "Thai": "th", "Japanese": "ja", "Bengali": "bn", "Tamil": "ta", "Georgian": "ka",
    "Armenian": "hy", "Chinese characters": "zh",
}  # fmt: skip
TOPICS = 20
ASKED = (
    ("Where the rows come from", "Who wrote the queries and the answers, people or a model, and from which source?"),
    ("Consent and licence", "Did those who wrote them agree, and under which licence may the rows be used?"),
    ("Uses", "What should a model trained on these rows do, and what should it not be used for?"),
    ("Contact", "Whom to write to about a row that should not be here?"),
)


def card(found: Audit, *, name: str = "", licence: str = UNKNOWN) -> str:
    """The card as Markdown: YAML front matter, then the page."""
    head = yaml.safe_dump(front_matter(found, name=name, licence=licence), sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n{page(found, name).to_markdown()}"


def write(found: Audit, path: Path, *, licence: str = UNKNOWN) -> None:
    """Write the card under the name of the data."""
    save.write_text(path, card(found, name=_name(found), licence=licence))


def checked(path: Path, licence: str) -> None:
    """Before the work: BadInput where the card could not be written under this name, or the licence is none."""
    if path.suffix.lower() not in (".md", ".markdown"):
        raise BadInput("a dataset card is Markdown", where=str(path), hint="--card README.md")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", licence):
        raise BadInput(
            f"{licence!r} is no licence identifier", hint="--licence apache-2.0, or cc-by-4.0, mit, other, unknown"
        )


def front_matter(found: Audit, *, name: str, licence: str) -> dict[str, object]:
    """What the Hub reads: only keys that it knows, and only what the rows show."""
    several = found.measures.height and (found.measures["turns"] > 2).mean()
    head: dict[str, object] = {"pretty_name": name} if name else {}
    spoken = languages(found)
    return {
        **head,
        **({"language": spoken} if spoken else {}),
        "license": licence,
        "size_categories": [size_category(found.rows)],
        "task_categories": ["text-generation"],
        "tags": ["instruction-tuning", *(["multi-turn"] if several else []), "winnow"],
    }


def size_category(rows: int) -> str:
    """The Hub's name for so many rows."""
    shown = {
        10**3: "1K",
        10**4: "10K",
        10**5: "100K",
        10**6: "1M",
        10**7: "10M",
        10**8: "100M",
        10**9: "1B",
        10**10: "10B",
    }
    if rows < SIZES[0]:
        return "n<1K"
    low = max(size for size in SIZES if size <= rows)
    return f"{shown[low]}<n<{shown[low * 10]}" if low * 10 in shown else "10B<n<100B"


def languages(found: Audit) -> list[str]:
    """Codes of the languages that at least one row in a hundred is told to be in, the most spoken first."""
    if found.diversity is None:
        return []
    spoken = found.diversity.figures.by_language
    enough = SPOKEN * sum(spoken.values())
    return [CODES[name] for name in spoken if name in CODES and spoken[name] >= enough]


def page(found: Audit, name: str) -> Report:
    """The card's body."""
    sections = (_makers(), _rows(found), _topics(found), _faults(found), _personal(found), *_groups(found), _how(found))
    facts = (
        Fact("rows", found.rows),
        Fact("rows with something to fix", len(_touched(found)), "critical or warning"),
        Fact("turns", sum(found.roles.values()), ", ".join(f"{role} {n:,}" for role, n in found.roles.items())),
    )
    return Report(f"Dataset card for {name or 'a data set'}", "", facts, tuple(part for part in sections if part))


def _name(found: Audit) -> str:
    names = [
        re.sub(r"(\.(jsonl?|csv|parquet|gz|zst))+$", "", Path(path).name) for path in found.source.split(", ") if path
    ]
    return ", ".join(names[:3])


def _touched(found: Audit) -> set[str]:
    return {
        row for problem in found.problems if problem.kind.severity in ("critical", "warning") for row in problem.rows
    }


def _makers() -> Section:
    blocks: list[Block] = []
    for title, question in ASKED:
        blocks.append(Note(f"To be written by those who made the set: {question}", title=title))
    return Section("What the rows do not say", "A tool cannot know this.", tuple(blocks))


def _rows(found: Audit) -> Section:
    of = found.measures
    named = {name.replace("_", ", "): of[name] for name in of.columns if name.endswith("_words")}
    none = found.rows - sum(n for _, n in found.systems)
    said = f"{counted(len(found.systems), 'distinct system prompt')}; {counted(none, 'row has', 'rows have')} none."
    if found.diversity is not None:
        spoken = found.diversity.figures.by_language
        told = ", ".join(f"{name} {n:,}" for name, n in sorted(spoken.items(), key=lambda item: (-item[1], item[0])))
        said += f" Languages and scripts of the queries, by their small words: {told}."
    return Section("The rows", said, (lengths.table(named),))


def _topics(found: Audit) -> Section | None:
    if found.diversity is None:
        return None
    whole = found.diversity
    largest = sorted(whole.topics, key=lambda topic: (-topic.rows, topic.number))[:TOPICS]
    columns = (Column("topic"), Column("rows", "number"), Column("share", "number"))
    lines = tuple((topic.name, topic.rows, Figure.of(topic.share, "%")) for topic in largest)
    said = f"{counted(whole.tree.noise, 'row belongs', 'rows belong')} to no topic. "
    said += vendi.in_words(whole.figures.vendi.value or 0.0, whole.figures.rows).capitalize() + "."
    return Section("What they are about", said, (Table(columns, lines, total=len(whole.topics), things="topics"),))


def _faults(found: Audit) -> Section:
    columns = (
        Column("severity"),
        Column("what"),
        Column("rows", "number"),
        Column(READ, "number"),
        Column("why it matters"),
    )
    lines: tuple[tuple[Cell, ...], ...] = tuple(
        (p.kind.severity, p.kind.title, p.count, Figure.of(p.share, "%"), p.kind.why) for p in found.problems
    )
    blocks: list[Block] = [Table(columns, lines)] if lines else []
    if found.absent:
        blocks.append(Note(f"Looked for and not found: {', '.join(found.absent)}."))
    if found.unmeasured:
        blocks.append(Note(f"Not looked for, so not known: {', '.join(found.unmeasured)}."))
    return Section("Known faults", "As the rows stand; one row may have several.", tuple(blocks))


def _personal(found: Audit) -> Section:
    columns = (
        Column("kind", "code"),
        Column("values", "number"),
        Column("rows", "number"),
        Column(USABLE, "number"),
    )
    lines = tuple(
        (kind, values, rows, Figure.of(stats.wilson(rows, found.rows), "%"))
        for kind, (values, rows) in found.pii.items()
    )
    said = "Found by patterns, dictionaries and models; a search finds less than there is."
    blocks: tuple[Block, ...] = (
        (Table(columns, lines),) if lines else (Note("None was found, which is not proof that there is none."),)
    )
    return Section("Personal and sensitive information", said, blocks)


def _groups(found: Audit) -> tuple[Section, ...]:
    return bias_report.sections(found)


def _how(found: Audit) -> Section:
    detectors = "; ".join(f"{what}: {named}" for what, named in found.detectors.items()) or "none"
    said = (
        f"Made by winnow audit. Dataset fingerprint {found.fingerprint}. Detectors: {detectors}. Intervals are 95 % Wilson "
        "intervals unless another kind is named: what to expect of more rows from the same source."
    )
    return Section("How this was measured", said)
