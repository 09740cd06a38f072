"""The faults that are planted into the sample data, each with its truth.

    plant(rows, cases)      # -> (new rows, faults)

Nothing here changes a clean row: every fault is a row of its own, which names its twin where it has one.
"""

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace

from fakes import fake
from rows import Case, Fault, Row, fields_of, lines_of, pairs, plain_rows, short_id, single, spoken, talk
from voice import SIGN_OFF, number, pick

COPIES = {"personal.txt": 11, "toxic.txt": 4, "offvoice.txt": 3}  # how often the starred rows of these come again
Planted = tuple[list[Row], list[Fault]]
SMALL_WORDS = {"the", "a", "an", "of", "to", "it", "is", "and", "that", "in", "on", "at", "for"}
ADDED_QUESTIONS = ("Thanks in advance.", "I could not find it on your site.", "A short answer is fine.")
ADDED_ANSWERS = ("Write again if that does not help.", "We are glad to hear how it went.", "Take your time with it.")


def typos(text: str, key: str, share: float = 0.015) -> str:
    """Swap, drop or double letters inside longer words; digits and capitals stay as they are."""
    places = [m.start() + 1 for m in re.finditer(r"\b[a-z]{5,}\b", text)]
    wanted = min(len(places), max(1, round(len(text) * share)))
    chosen = sorted(places, key=lambda place: number("typo", key, place))[:wanted]
    for place in sorted(chosen, reverse=True):
        first, second = text[place], text[place + 1]
        slip = pick((second + first, first, first + first + second), "slip", key, place)
        slip = first + first + second if first == second else slip
        text = text[:place] + slip + text[place + 2 :]
    return text


def without_small_words(text: str, key: str) -> str:
    """Drop about a third of the articles and prepositions; line breaks stay."""
    words = text.split(" ")
    kept = [w for i, w in enumerate(words) if w.lower() not in SMALL_WORDS or number("drop", key, i) % 3 > 0]
    return " ".join(kept)


def _typo(q: str, a: str, key: str) -> tuple[str, str]:
    return typos(q, key), typos(a, key)


def _dropped_words(q: str, a: str, key: str) -> tuple[str, str]:
    return without_small_words(q, key), without_small_words(a, key)


def _small_edit(q: str, a: str, key: str) -> tuple[str, str]:
    body = a.removesuffix(SIGN_OFF)
    return q.rstrip("?.!") + ", please?", body.replace(",", "").replace(". ", ", ", 1) + SIGN_OFF


def _appended_sentence(q: str, a: str, key: str) -> tuple[str, str]:
    return f"{q} {pick(ADDED_QUESTIONS, key)}", a.replace(SIGN_OFF, f"{pick(ADDED_ANSWERS, key)}\n{SIGN_OFF}")


def _truncated_answer(q: str, a: str, key: str) -> tuple[str, str]:
    return q, a[: round(len(a) * 0.72)].rstrip()


def _case(q: str, a: str, key: str) -> tuple[str, str]:
    return (q.upper(), a) if number(key) % 2 else (q.lower(), a.lower())


def _white_space(q: str, a: str, key: str) -> tuple[str, str]:
    return "  " + q.replace(" ", "  ", 3), a.replace("\n", "\n\n").replace(". ", ".\t", 1) + " \n"


def _unicode(q: str, a: str, key: str) -> tuple[str, str]:
    def same_but_other(text: str) -> str:
        wide = re.sub(r"\d", lambda m: chr(ord(m[0]) + 0xFEE0), text)
        return unicodedata.normalize("NFD", wide).replace("fi", "\ufb01").replace(" ", "\u00a0", 2)

    return same_but_other(q), same_but_other(a)


def _inserted(q: str, a: str, key: str) -> tuple[str, str]:
    return f"{pick(('Hello,', 'Hi Wren,', 'One more:'), key)} {q.rstrip('?.!')}, if I may ask?", a


Edit = Callable[[str, str, str], tuple[str, str]]
NORMALISED: tuple[tuple[str, int, Edit], ...] = (
    ("case", 5, _case),
    ("white-space", 5, _white_space),
    ("unicode", 5, _unicode),
)
NEAR: tuple[tuple[str, int, Edit], ...] = (
    ("typo", 8, _typo),
    ("dropped-words", 8, _dropped_words),
    ("small-edit", 8, _small_edit),
    ("appended-sentence", 8, _appended_sentence),
    ("truncated-answer", 8, _truncated_answer),
)
NEAR_COPIES: tuple[tuple[str, int, Edit], ...] = (("case", 3, _case), ("typo", 5, _typo), ("insertion", 4, _inserted))


def duplicates() -> Planted:
    """Exact and near duplicates of plain rows; every original is used once."""
    originals = iter(sorted(plain_rows(), key=lambda row: number("original", row.key)))
    rows, faults = list[Row](), list[Fault]()

    def add(fault: str, kind: str, edit: Edit) -> None:
        source = next(originals)
        # An edit that changes nothing would be an exact duplicate with a wrong label: take the next row.
        while kind != "identical" and edit(source.question, source.answer, source.key) == (
            source.question,
            source.answer,
        ):
            source = next(originals)
        question, answer = edit(source.question, source.answer, source.key)
        row = Row(f"{fault} {kind} {source.key}", source.topic, talk(question, answer))
        rows.append(row)
        faults.append(Fault(row.id, fault, kind, source.id))

    for kind, count, edit in (("identical", 30, lambda q, a, key: (q, a)), *NORMALISED):
        for _ in range(count):
            add("exact", kind, edit)
    for kind, count, edit in NEAR:
        for _ in range(count):
            add("near", kind, edit)
    return rows, faults


def hand_written_pairs() -> Planted:
    """Paraphrases, conflicts and template variants of clean rows."""
    kinds = {"paraphrase": "reworded", "conflict": "contradicts", "template": "other-numbers"}
    rows, faults = list[Row](), list[Fault]()
    for pair in pairs("pairs.txt"):
        row = single(pair.topic, *pair.second, mark=f"{pair.relation} ")
        rows.append(row)
        kind = "reworded-far" if pair.far else kinds[pair.relation]
        faults.append(Fault(row.id, pair.relation, kind, single(pair.topic, *pair.first).id))
    return rows, faults


def overlaps(cases: list[Case]) -> Planted:
    """Training rows that say the same as an eval case, and template variants that do not."""
    paired = {pair.first[0] for pair in pairs("eval_pairs.txt")}
    free = iter(sorted((c for c in cases if c.prompt not in paired), key=lambda case: number("leak", case.prompt)))
    rows, faults = list[Row](), list[Fault]()

    def add(row: Row, fault: str, kind: str, twin: Case, detail: dict[str, str]) -> None:
        rows.append(row)
        faults.append(Fault(row.id, fault, kind, twin.id, detail))

    for _ in range(12):
        case = next(free)
        add(single(case.topic, case.prompt, case.ideal, mark="leak "), "overlap", "copy", case, {})
    for how, count, edit in NEAR_COPIES:
        for _ in range(count):
            case = next(free)
            question, answer = edit(case.prompt, case.ideal, case.prompt)
            add(single(case.topic, question, answer, mark="leak "), "overlap", "near-copy", case, {"how": how})
    for pair in pairs("eval_pairs.txt"):
        fault, kind = (
            ("overlap", "paraphrase") if pair.relation == "paraphrase" else ("overlap-template", "other-numbers")
        )
        row = single(pair.topic, *pair.second, mark="leak ")
        add(row, fault, kind, Case(pair.topic, *pair.first), {"how": "reworded-far"} if pair.far else {})
    return rows, faults


def personal_data() -> Planted:
    """Rows that hold made-up personal data; the detail says where, in characters of each turn."""
    rows, faults = list[Row](), list[Fault]()
    for turn, line in enumerate(lines_of("personal.txt")):
        kind, topic, question, *rest = fields_of(line.removeprefix("* "))
        messages, spans = talk(question, spoken(rest, heading=topic, key=question)), []
        for place, message in enumerate(messages):
            message["content"], found = _filled(message["content"], turn)
            spans += [{"turn": place, **span} for span in found]
        row = Row(line, topic, messages)
        rows.append(row)
        faults.append(Fault(row.id, "pii", kind.replace(" ", "-"), detail={"spans": spans}))
    return rows, faults


def _filled(text: str, turn: int) -> tuple[str, list[dict[str, str | int]]]:
    slots = {"name": "person", "street": "postal-address"}
    out, spans = "", list[dict[str, str | int]]()
    for part in re.split(r"(\{[a-z0-9 ]+\})", text):
        if part.startswith("{") and part.endswith("}"):
            slot = part.strip("{}")
            kind = slots.get(slot, slot.replace(" ", "-"))
            value = fake(kind, turn)
            spans.append({"start": len(out), "end": len(out) + len(value), "kind": kind, "value": value})
            out += value
        else:
            out += part
    return out, spans


def toxic() -> Planted:
    """Insults, threats and hate, by the assistant or by the user."""
    rows, faults = list[Row](), list[Fault]()
    for line in lines_of("toxic.txt"):
        kind, topic, question, *rest = fields_of(line.removeprefix("* "))
        answer = rest[0] if kind == "assistant" else spoken(rest, heading=topic, key=question)
        rows.append(single(topic, question, answer))
        faults.append(Fault(rows[-1].id, "toxic", kind, detail={"turn": 1 if kind == "assistant" else 0}))
    return rows, faults


def benign() -> Planted:
    """Rows that look toxic to a careless detector and are not."""
    rows, faults = list[Row](), list[Fault]()
    for line in lines_of("benign.txt"):
        kind, topic, question, *rest = fields_of(line)
        heading = "guardrails refuse" if topic == "guardrails" else topic
        rows.append(single(topic, question, spoken(rest, heading=heading, key=question)))
        faults.append(Fault(rows[-1].id, "benign", kind.replace(" ", "-")))
    return rows, faults


def off_voice() -> Planted:
    """Right answers in the wrong voice."""
    rows, faults = list[Row](), list[Fault]()
    for line in lines_of("offvoice.txt"):
        kind, topic, question, answer = fields_of(line.removeprefix("* "))
        rows.append(single(topic, question, answer))
        faults.append(Fault(rows[-1].id, "off-voice", kind))
    return rows, faults


def exported_again() -> Planted:
    """Copies of the starred rows, as exports joined by hand have them. A model learns by heart what it often sees."""
    rows, faults = list[Row](), list[Fault]()
    for name, (sources, told) in (
        ("personal.txt", personal_data()),
        ("toxic.txt", toxic()),
        ("offvoice.txt", off_voice()),
    ):
        starred = {fields_of(line)[2] for line in lines_of(name) if line.startswith("* ")}
        for source, fault in zip(sources, told, strict=True):
            for copy in range(COPIES[name] if source.question in starred else 0):
                row = Row(f"again {copy} {source.key}", source.topic, source.messages)
                rows.append(row)
                faults += [Fault(row.id, "exact", "identical", source.id), replace(fault, row=row.id)]
    return rows, faults


def plant(cases: list[Case]) -> Planted:
    """All planted rows and their truth."""
    written = (duplicates(), hand_written_pairs(), overlaps(cases), personal_data(), toxic(), benign(), off_voice())
    groups = (*written, exported_again())
    return [row for rows, _ in groups for row in rows], [fault for _, faults in groups for fault in faults]


def broken_lines() -> list[tuple[bytes, Fault]]:
    """Lines that are no usable row."""

    def text(kind: str, key: str, *, messages: object, channel: str = "chat") -> tuple[bytes, Fault]:
        row_id = short_id("bw", f"broken {key}")
        line = json.dumps({"id": row_id, "messages": messages, "channel": channel}, ensure_ascii=False)
        return line.encode(), Fault(row_id, "broken", kind)

    def raw(kind: str, line: bytes) -> tuple[bytes, Fault]:
        return line, Fault(None, "broken", kind)

    asked, said = "Do you sell lamp oil?", "Righto. No oil, only light.\nNext: look at the parts page.\n" + SIGN_OFF
    return [
        raw("not-json", b"2024-11-02 09:14:07 export resumed after 3 retries"),
        raw("not-json", b"<row><user>Do you sell lamp oil?</user></row>"),
        raw(
            "truncated-json", b'{"id": "bw-7d41c0aa", "messages": [{"role": "user", "content": "Is the mill warm in win'
        ),
        raw(
            "truncated-json", b'{"id": "bw-0c55ee19", "messages": [{"role": "user", "content": "Hm?"}, {"role": "assis'
        ),
        raw(
            "json-array",
            json.dumps([{"role": "user", "content": asked}, {"role": "assistant", "content": said}]).encode(),
        ),
        raw(
            "bad-utf8",
            b'{"id": "bw-4be1f202", "messages": [{"role": "user", "content": "Caf\xe9 lamp?"}, '
            b'{"role": "assistant", "content": "Righto. The Moth.\\nNext: clip it.\\nWren, from the workshop"}]}',
        ),
        raw(
            "bad-utf8",
            b'{"id": "bw-91ad77c3", "messages": [{"role": "user", "content": "\xff\xfe"}, '
            b'{"role": "assistant", "content": "Righto. Say it again.\\nNext: type it.\\nWren, from the workshop"}]}',
        ),
        text("no-assistant", "a", messages=[{"role": "user", "content": "Is anybody there?"}]),
        text(
            "no-assistant",
            "b",
            messages=[{"role": "system", "content": "You are Wren."}, {"role": "user", "content": "Hm"}],
        ),
        text("empty-answer", "c", messages=talk("Do you make candles?", "")),
        text("empty-answer", "d", messages=talk("Do you make wind chimes?", "  \n ")),
        text("wrong-type", "e", messages="user: hello / assistant: hello"),
        text("wrong-type", "f", messages=[{"role": "user", "content": asked}, {"role": "assistant", "content": 42}]),
        text(
            "unknown-role", "g", messages=[*talk(asked, said), {"role": "narrator", "content": "The customer leaves."}]
        ),
        text(
            "unknown-role", "h", messages=[{"role": "parrot", "content": asked}, {"role": "assistant", "content": said}]
        ),
    ]
