"""Dataset diff: every row of both sides is in one group, counts a person can check, intervals of the right kind."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import dedup, outcome, stats
from curate.chats import chats_of, row_fingerprint
from curate.datadiff import Measured, diff, match
from curate.datadiff_report import report
from curate.outcome import Reason
from curate.samples import NOT_SHOWN


def row(name, query="Why?", answer="Because."):
    return {"id": name, "turns": [{"role": "user", "content": query}, {"role": "assistant", "content": answer}]}


def frame(*rows):
    return chats_of(rows)


def hits(*rows):
    return pl.DataFrame(
        {"row_id": list(rows), "kind": ["EMAIL"] * len(rows)}, schema={"row_id": pl.String, "kind": pl.String}
    )


def scores(**by_row):
    rows = [(name, 1, "assistant", score) for name, score in by_row.items()]
    return pl.DataFrame(
        rows, schema={"row_id": pl.String, "turn": pl.Int32, "role": pl.String, "score": pl.Float64}, orient="row"
    )


BEFORE = frame(
    row("a"), row("b", "What?", "Secret words here"), row("c", "How?"), row("d", "Who?", "You"), row("e", "So?")
)
AFTER = frame(row("a"), row("c", "How?", "Like this."), row("dd", "Who?", "You"), row("n", "New?"))


def test_counts_by_hand():
    found = match(BEFORE, AFTER)
    assert found.unchanged == (("a", "a"), ("d", "dd"))
    assert found.edited == (("c", "c"),)
    assert found.removed == ("b", "e")
    assert found.added == ("n",)
    assert str(diff(BEFORE, AFTER)) == "5 rows -> 4: 2 removed, 1 added, 1 edited, 2 unchanged"


small = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["x", "y", "z"])), max_size=7)


@given(small, small)
@settings(max_examples=120, deadline=None)
def test_every_row_of_both_sides_is_in_one_group(left, right):
    before, after = (chats_of([row(name, said) for name, said in side]) for side in (left, right))
    found = match(before, after)
    assert sorted([a for a, _ in found.both] + list(found.removed)) == sorted(before["id"])
    assert sorted([b for _, b in found.both] + list(found.added)) == sorted(after["id"])
    prints = [
        dict(zip(side["id"], map(row_fingerprint, side["turns"].to_list()), strict=True)) for side in (before, after)
    ]
    assert all(prints[0][a] == prints[1][b] for a, b in found.unchanged)
    assert all(a == b and prints[0][a] != prints[1][b] for a, b in found.edited)
    # Nothing is called new that was there before.
    assert not {prints[0][a] for a in found.removed} & {prints[1][b] for b in found.added}


@given(small)
@settings(max_examples=30, deadline=None)
def test_a_dataset_differs_from_itself_in_nothing(rows):
    side = chats_of([row(name, said) for name, said in rows])
    found = match(side, side.reverse())
    assert not found.removed
    assert not found.added
    assert not found.edited


def test_ids_that_number_the_lines_may_shift():
    before = frame(row("1", "A?"), row("2", "B?"), row("3", "C?"))
    after = frame(row("1", "B?"), row("2", "C?"))
    found = match(before, after)
    assert found.removed == ("1",)
    assert found.unchanged == (("2", "1"), ("3", "2"))
    assert not found.edited


def test_the_ledger_explains_removals_and_gaps_are_counted():
    ledger = outcome.split(BEFORE, "near", {"b": Reason("near duplicate", 0.9, 0.7, "a")}).ledger
    found = diff(BEFORE, AFTER, ledger=ledger)
    assert found.removals == {("near", "near duplicate"): 1}
    assert found.unexplained == ("e",)
    assert diff(BEFORE, AFTER).unexplained is None
    text = str(report(found))
    assert "no line in the ledger" in text
    assert "near duplicate" in text


def test_same_rows_are_compared_in_pairs():
    before = frame(*(row(f"r{n}", "Why?", "one two three") for n in range(40)))
    after = frame(*(row(f"r{n}", "Why?", "one two three" + (" four" if n % 2 else "")) for n in range(40)))
    found = diff(before, after, found_before=Measured(pii=hits("r1", "r2")), found_after=Measured(pii=hits("r2")))
    words = next(length for length in found.lengths if length.name == "answer, words")
    assert words.shared.value == pytest.approx(0.5)
    assert words.shared.low > 0
    assert "difference, all rows" not in str(report(found))
    rate = next(rate for rate in found.faults if rate.name == "personal data, EMAIL")
    assert rate.shared == stats.newcombe_paired(1, 1, 0, 38)
    assert (rate.before.value, rate.after.value) == (0.05, 0.025)


def test_other_rows_are_two_samples():
    found = diff(
        BEFORE,
        AFTER,
        found_before=Measured(duplicates={"exact": dedup.exact(BEFORE)}, pii=hits("b", "b")),
        found_after=Measured(duplicates={"exact": dedup.exact(AFTER)}, pii=hits()),
    )
    rates = {rate.name: rate for rate in found.faults}
    assert set(rates) == {"exact duplicates", "personal data, any kind", "personal data, EMAIL"}
    assert rates["personal data, EMAIL"].difference == stats.newcombe(1, 5, 0, 4)
    assert rates["personal data, EMAIL"].shared == stats.newcombe_paired(0, 0, 0, 3)
    assert found.unmeasured == ("toxicity",)
    assert "Not measured on both sides: toxicity" in str(report(found))


def test_unscored_rows_leave_the_count():
    found = diff(
        BEFORE,
        BEFORE,
        found_before=Measured(toxicity=scores(a=0.9, b=0.1, c=None, d=0.1, e=0.1)),
        found_after=Measured(toxicity=scores(a=0.1, b=0.1, c=None, d=0.1, e=0.1)),
    )
    toxic = next(rate for rate in found.faults if rate.name == "toxic answer")
    assert (toxic.before.value, toxic.before.n) == (0.25, 4)
    assert toxic.shared.value == -0.25


def test_texts_are_shown_masked_or_not_at_all():
    def mask(rows):
        def clean(turns):
            return [{**turn, "content": (turn["content"] or "").replace("Secret", "<WORD_1>")} for turn in turns]

        turns = [clean(turns) for turns in rows["turns"].to_list()]
        return rows.with_columns(pl.Series("turns", turns, dtype=rows.schema["turns"]))

    shown = report(diff(BEFORE, AFTER, mask=mask))
    hidden = report(diff(BEFORE, AFTER))
    for text in (str(shown), shown.to_markdown(), shown.to_html(), shown.to_json()):
        assert "Secret" not in text
    assert "<WORD_1>" in shown.to_json()
    assert "Like this." in shown.to_json()
    assert NOT_SHOWN in hidden.to_json()
    assert "Like this." not in hidden.to_json()


def test_an_edit_that_only_masking_hides_is_said():
    before, after = frame(row("a", "My mail is j@x.example")), frame(row("a", "My mail is <EMAIL_1>"))

    def mask(rows):
        return after if rows["turns"][0][0]["content"].startswith("My") else rows

    assert "the difference is in masked values" in str(report(diff(before, after, mask=mask)))


def test_nothing_against_nothing_is_a_report():
    none = BEFORE.clear()
    page = report(diff(none, none))
    assert "0 rows -> 0" in str(page)
    assert "no data" in page.to_html()
    assert report(diff(BEFORE, AFTER)).to_html() == report(diff(BEFORE, AFTER)).to_html()
