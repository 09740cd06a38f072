"""What may be left: the planted values are the audit's, what was put there is not counted, and what was missed is."""

import pytest

from curate import canaries, pii, replacement, residual, residual_report
from curate.chats import chats_of
from curate.pii import Finder, Finding
from curate.replacement_styles import Invented
from curate.report import Note, Table
from curate.surrogates import Key

FINDER = pii.load()
KEY = Key(b"a key for tests, of 32 bytes....")
ROWS = chats_of(
    [
        {"id": name, "turns": [{"role": "user", "content": said}]}
        for name, said in (
            ("a", "Write to jane@corp.org or +1 (415) 555-2671."),
            ("b", "I'm 34, bob@corp.org."),
            ("c", "Hold the button."),
        )
    ]
)


def test_what_was_put_there_is_not_left() -> None:
    done = replacement.replace(ROWS, FINDER, style=Invented(KEY))
    found = residual.measure(ROWS, done.kept, done.ledger, FINDER)
    assert found.replaced == {"EMAIL": 2, "AGE": 1, "PHONE": 1}
    assert found.left == {}
    assert found.planted.table.equals(canaries.measure(ROWS, FINDER).table)
    assert "4 values replaced, 0 still found" in str(found)


def test_what_was_not_replaced_is_left_and_told_apart() -> None:
    done = replacement.replace(ROWS, FINDER, style=Invented(KEY))
    kept = done.kept.filter(id="a").vstack(ROWS.filter(id="b"))
    ledger = done.ledger.filter(row_id="a")
    found = residual.measure(ROWS, kept, ledger, FINDER, as_they_are=["b"])
    assert (found.left, found.left_on_purpose, found.replaced) == ({"AGE": 1, "EMAIL": 1}, 2, {"EMAIL": 1, "PHONE": 1})
    note, counts, planted, _ = residual_report.section(found).blocks
    assert isinstance(note, Note)
    assert "finds 2 values in 2 kept rows, 2 of them in rows that the recipe keeps" in note.text
    assert isinstance(counts, Table)
    assert counts.rows == (("EMAIL", 1, 1), ("PHONE", 1, 0), ("AGE", 0, 1))
    assert isinstance(planted, Table)
    lines = {line[:2]: line[2:4] for line in planted.rows}
    assert lines["EMAIL", "named"] == (20, 0)
    assert lines["PASSPORT", "bare"] == (20, 20)


class Everybody(Finder):
    """Takes every capitalised word for a name."""

    def find(self, texts, progress=None):  # type: ignore[no-untyped-def]
        return [
            tuple(Finding(m, m + 4, "PERSON", 0.9, "t") for m in range(len(t)) if t[m : m + 4] in ("Jane", "Bath"))
            for t in texts
        ]


def test_where_private_names_count_others_are_neither_left_nor_found() -> None:
    finder = Everybody("names", "0", ("PERSON",), 0.5)
    chats = chats_of([{"id": "a", "turns": [{"role": "user", "content": "I am Jane. Who was Bath?"}]}])
    ledger = replacement.replace(chats.clear(), FINDER).ledger
    assert residual.still_found(chats, ledger, finder) == [("a", "PERSON")] * 2
    private = residual.measure(chats, chats, ledger, finder, private=True)
    assert private.left == {"PERSON": 1}
    assert any(
        "of private persons only" in getattr(block, "text", "") for block in residual_report.section(private).blocks
    )


@pytest.mark.parametrize("rows", [ROWS.clear()])
def test_no_rows(rows) -> None:  # type: ignore[no-untyped-def]
    found = residual.measure(rows, rows, replacement.replace(rows, FINDER).ledger, FINDER)
    assert "finds 0 values in 0 kept rows" in residual_report.section(found).blocks[0].text
