"""Forms and names together: a form wins over a name, an address takes in its street, placeholders hold nothing."""

from collections.abc import Sequence

from curate import names, pii
from curate.pii import Finding, Findings
from curate.with_names import with_names

FORMS = pii.load()


WORDS = {"Jane Doe": "PERSON", "Jane": "PERSON", "12 Oak Street, Leeds": "ADDRESS", "jane": "PERSON", "EMAIL": "PERSON"}


class Known:
    name, fingerprint, limits = "known", "k" * 16, "three names"

    def find(self, texts: Sequence[str], progress: object = None) -> list[Findings]:
        return [
            tuple(
                Finding(text.index(word), text.index(word) + len(word), kind, 0.9, "known")
                for word, kind in WORDS.items()
                if word in text
            )
            for text in texts
        ]


FINDER = with_names(FORMS, Known())


def found(text: str) -> list[tuple[str, str]]:
    return [(f.kind, text[f.start : f.end]) for f in FINDER.find([text])[0]]


def test_both_are_found() -> None:
    assert found("I am Jane Doe, bob@corp.org") == [("PERSON", "Jane Doe"), ("EMAIL", "bob@corp.org")]


def test_a_form_wins_and_a_placeholder_holds_no_name() -> None:
    assert found("Write to jane@corp.org") == [("EMAIL", "jane@corp.org")]
    assert found("Write to <EMAIL_1>") == []


def test_an_address_takes_in_its_street() -> None:
    assert found("I live at 12 Oak Street, Leeds") == [("STREET_ADDRESS", "12 Oak Street, Leeds")]


def test_the_fingerprint_is_of_both() -> None:
    class Other(Known):
        fingerprint = "o" * 16

    assert len({FINDER.fingerprint, FORMS.fingerprint, with_names(FORMS, Other()).fingerprint}) == 3
    assert set(FINDER.kinds) == {*FORMS.kinds, "PERSON", "LOCATION", "ORGANIZATION"}


def test_the_shipped_names() -> None:
    text = "My name is Jane Thompson and my mail is jane@corp.org."
    [findings] = with_names(FORMS, names.load()).find([text])
    assert ("PERSON", "Jane Thompson") in {(f.kind, text[f.start : f.end]) for f in findings}


def test_an_age_counts_beside_a_name_too() -> None:
    assert found("Jane Doe is 34 years old") == [("PERSON", "Jane Doe"), ("AGE", "34")]
    assert found("He is 34 years old") == []
    assert found("Jane Doe" + " lamp" * 60 + ". He was aged 34") == [("PERSON", "Jane Doe")]
