"""Rows that an English encoder hardly reads are counted, and said before everything else."""

from dataclasses import replace
from types import SimpleNamespace

import polars as pl
import pytest

from curate import other_languages, pipeline, problems
from curate.audit import audit
from curate.audit_report import report, summary
from curate.chats import chats_of
from curate.page import audit_page
from curate.report import Finding

CHINESE = "如何更换台灯的灯泡？"
GERMAN = "Wie wechsle ich die Lampe, die über dem Tisch hängt und nicht mehr an ist?"
ENGLISH = "How do I change the bulb of the lamp over the desk?"
NONE = pl.DataFrame(schema={"source": pl.String, "reason": pl.String, "raw": pl.String})


def rows(*asked: str) -> pl.DataFrame:
    return chats_of(
        [
            {
                "id": f"r{n}",
                "turns": [
                    {"role": "user", "content": said},
                    {"role": "assistant", "content": "Turn the ring below the shade to the left and lift it."},
                ],
            }
            for n, said in enumerate(asked)
        ]
    )


def audited(chats: pl.DataFrame, count: int | None):  # type: ignore[no-untyped-def]
    return audit(chats, NONE, {}, source="x.jsonl", other_languages=count)


def test_each_row_is_counted_once_and_doubt_counts_as_english() -> None:
    assert other_languages.count(rows(CHINESE, GERMAN, ENGLISH, "OK", "42")) == 2
    assert other_languages.count(rows()) == 0


def test_a_set_in_another_language_says_so_first_on_the_terminal_and_on_every_page() -> None:
    chats = rows(CHINESE, GERMAN, ENGLISH)
    found = audited(chats, other_languages.count(chats))
    for told in (report(found), summary(found)):
        first = told.sections[0]
        assert first.text.startswith("Before all else, what was hardly read.")
        assert (first.blocks[0].count, first.blocks[0].share.n) == (2, 3)
        for word in ("duplicates", "Topics", "overlap", "English only"):
            assert word in first.blocks[0].text
    for page in (str(summary(found)), report(found).to_markdown(), report(found).to_html()):
        front = page.index("The encoder reads English only.")
        assert page.index(other_languages.TITLE) < front < page.index("Not looked for")


@pytest.mark.parametrize("count", [None, 0])
def test_nothing_is_said_where_all_is_read(count: int | None) -> None:
    found = audited(rows(ENGLISH), count)
    assert report(found).sections[0].title == "Things to fix"
    assert "English only" not in str(summary(found))


def test_a_few_such_rows_are_a_fact_and_no_section() -> None:
    found = audited(rows(*[ENGLISH] * 40, CHINESE), 1)
    assert report(found).sections[0].title == "Things to fix"
    assert "rows not in English" in str(summary(found))


def test_semantic_duplicates_are_not_called_looked_for_in_such_rows() -> None:
    chats = rows(CHINESE, ENGLISH)
    from curate.outcome import split

    nothing = {"semantic": split(chats, "semantic", {}), "exact": split(chats, "exact", {})}
    found = audit(chats, NONE, nothing, other_languages=1)
    assert found.absent == ("exact duplicates",)
    assert "semantic duplicates in 1 of 2 rows" in found.unmeasured


def test_the_page_of_many_findings_holds_it_too() -> None:
    chats = rows(*[CHINESE] * 3, ENGLISH)
    kind = [problems.Kind(f"kind {n}", "notice", "", "") for n in range(12)]
    found = replace(audited(chats, 3), problems=tuple(problems.Problem(one, ("r0",), 4) for one in kind))
    page = audit_page.report(found)
    first, second = [block for block in page.sections[0].blocks if isinstance(block, Finding)][:2]
    assert (first.title, second.title) == (other_languages.TITLE, "Kind 0")


@pytest.mark.parametrize(("english_only", "said"), [(True, 1), (False, 0)])
def test_curation_notes_it_where_the_encoder_reads_english_only(english_only: bool, said: int) -> None:
    models = SimpleNamespace(encoder=SimpleNamespace(english_only=english_only))
    assert len(pipeline._unread(rows(CHINESE, ENGLISH), models)) == said  # type: ignore[arg-type]
    assert pipeline._unread(rows(ENGLISH), models) == ()  # type: ignore[arg-type]


def test_whoever_curates_reads_it_in_one_paragraph() -> None:
    assert other_languages.note(0, 9) == ""
    assert other_languages.note(1, 4).startswith(
        "1 of 4 rows does not ask in English (25 %). The encoder reads English only."
    )
    assert other_languages.note(3, 4).startswith("3 of 4 rows do not ask in English (75 %).")
