"""Whose name is private: signs before the name, contacts beside it, and the same name elsewhere in the row."""

import re

import pytest

from curate.leaves import Leaf
from curate.pii import Finding, Findings
from curate.private_names import private

KINDS = {"Jane Doe": "PERSON", "Jane Austen": "PERSON", "Jane": "PERSON", "Bath": "LOCATION", "Acme": "ORGANIZATION",
         "jane@corp.org": "EMAIL", "12 Oak Street": "STREET_ADDRESS"}  # fmt: skip


def leaf(text: str, label: str = "") -> Leaf:
    return Leaf(0, "content", 0, label, text)


def find(text: str) -> Findings:
    found: list[Finding] = []
    for word, kind in KINDS.items():
        at = text.find(word)
        while at >= 0:
            if not any(f.start <= at < f.end for f in found):
                found.append(Finding(at, at + len(word), kind, 1.0, "test"))
            at = text.find(word, at + 1)
    return tuple(sorted(found))


def kept(*texts: str) -> list[list[str]]:
    leaves = [leaf(text) for text in texts]
    return [
        [text[f.start : f.end] for f in some]
        for text, some in zip(texts, private(leaves, [find(t) for t in texts]), strict=True)
    ]


@pytest.mark.parametrize(
    "text",
    ["My name is Jane Doe.", "Hi Jane Doe, thanks", "I'm Jane Doe", "Best regards,\nJane Doe", "my old boss Jane Doe said so",
     "Name: Jane Doe", "Jane Doe, jane@corp.org", "Jane Doe lives at 12 Oak Street", "I spoke with Jane Doe about it"],
)  # fmt: skip
def test_private(text: str) -> None:
    assert "Jane Doe" in kept(text)[0]


@pytest.mark.parametrize(
    "text",
    [
        "Jane Austen wrote six novels.",
        "Who was Jane Austen?",
        "The works of Jane Austen are set in Bath.",
        "Name three novels by Jane Austen",
    ],
)
def test_not_private(text: str) -> None:
    assert kept(text) == [[]]


def test_the_name_counts_in_the_whole_row_and_its_first_name_too() -> None:
    assert kept("I am Jane Doe. Who was Jane Austen?", "Jane Doe asked. Jane is right.") == [
        ["Jane Doe"],
        ["Jane Doe", "Jane"],
    ]


def test_another_person_of_the_row_stays() -> None:
    KINDS["Ada Byron"] = "PERSON"
    try:
        assert kept("I am Jane Doe. Who was Ada Byron?") == [["Jane Doe"]]
    finally:
        del KINDS["Ada Byron"]


def test_places_and_employers_count_only_where_they_complete_a_combination() -> None:
    assert kept("I am Jane Doe and like Bath.") == [["Jane Doe"]]
    assert kept("I am Jane Doe of Acme, Bath.") == [["Jane Doe", "Acme", "Bath"]]
    assert kept("Acme is in Bath.") == [[]]


def test_other_kinds_all_stay_and_a_field_for_names_is_private() -> None:
    assert kept("Jane Austen wrote to nobody.", "jane@corp.org") == [[], ["jane@corp.org"]]
    assert private([leaf("Jane Austen", "customer name")], [find("Jane Austen")]) == [find("Jane Austen")]


def test_an_age_is_of_the_private_person_beside_it() -> None:
    def ages(text: str) -> list[str]:
        found = [*find(text), *(Finding(m.start(), m.end(), "AGE", 0.6, "Age") for m in re.finditer(r"\d\d", text))]
        return [text[f.start : f.end] for f in private([leaf(text)], [tuple(sorted(found))])[0] if f.kind == "AGE"]

    assert ages("I am Jane Doe, aged 34.") == ages("aged 34, jane@corp.org") == ["34"]
    assert ages("Jane Austen died aged 41.") == ages("aged 41") == ages("In Bath, aged 41") == []
    assert ages("I'm a nurse in Bath, aged 34") == ["34"]
