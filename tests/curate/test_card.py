"""The dataset card: front matter that reads back as what was meant, no text of a row, and no claim that nobody measured."""

import polars as pl
import pytest
import yaml

from curate import card, dedup, quality
from curate.audit import audit
from curate.chats import chats_of
from curate.errors import BadInput

SAID = "Why does my zanzibar lamp blink?"


def found(rows=3, source="part.jsonl"):
    turns = [{"role": "user", "content": SAID}, {"role": "assistant", "content": "It is loose."}]
    chats = chats_of({"id": f"{n}", "turns": turns} for n in range(rows))
    broken = pl.DataFrame(schema={"source": pl.String, "reason": pl.String})
    outcomes = {"validate": quality.validate(chats), "exact": dedup.exact(chats)}
    return audit(chats, broken, outcomes, source=source, mask=lambda rows: rows)


def front(text):
    _, head, body = text.split("---\n", 2)
    return yaml.safe_load(head), body


def test_the_front_matter_reads_back():
    head, body = front(card.card(found(), name="a: set # of 'rows'", licence="cc-by-4.0"))
    assert head["pretty_name"] == "a: set # of 'rows'"
    assert head["license"] == "cc-by-4.0"
    assert head["size_categories"] == ["n<1K"]
    assert head["task_categories"] == ["text-generation"]
    assert "language" not in head  # nobody measured it
    assert body.lstrip().startswith("# Dataset card for")


def test_a_licence_that_nobody_named_is_unknown():
    assert front(card.card(found()))[0]["license"] == "unknown"


def test_the_card_holds_no_text_of_a_row():
    assert "zanzibar" not in card.card(found())


def test_what_was_not_looked_for_is_named_and_what_was_found_is_counted():
    text = card.card(found())
    assert "Not looked for, so not known" in text
    assert "personal data" in text
    assert "exact duplicates | 2 |" in text


@pytest.mark.parametrize(
    ("rows", "said"),
    [(0, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (15_011, "10K<n<100K"), (10**6, "1M<n<10M"), (10**9, "1B<n<10B")],
)
def test_sizes_are_those_of_the_hub(rows, said):
    assert card.size_category(rows) == said


@pytest.mark.parametrize(("name", "licence"), [("card.html", "mit"), ("card.md", "Apache 2.0"), ("card.md", "a: b\nc")])
def test_what_cannot_be_a_card_is_refused_before_the_work(tmp_path, name, licence):
    with pytest.raises(BadInput):
        card.checked(tmp_path / name, licence)


def test_the_card_is_named_by_the_file_without_its_endings(tmp_path):
    card.write(found(source="x/y/chats.v2.jsonl.gz, z/more.csv"), tmp_path / "README.md")
    head, _ = front((tmp_path / "README.md").read_text(encoding="utf-8"))
    assert head["pretty_name"] == "chats.v2, more"
