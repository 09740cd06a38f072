"""The texts that the finder of names learns from: spans are where they say, what is held out stays out."""

import pytest

from curate.models import names_lists as lists
from curate.models import names_posts as posts
from curate.models import names_writer as writer
from curate.models import train_names as training
from curate.models.names_writer import Written

SECTIONS = (
    "chat", "mail", "forms", "story", "news", "social", "lists", "other_languages", "somewhere", "employed", "homes", "short",
)  # fmt: skip


def named(written: Written) -> list[tuple[str, str]]:
    return [(written.text[start:end], kind) for start, end, kind in written.spans]


@pytest.mark.parametrize("section", [*SECTIONS, "plain", "code"])
def test_spans_lie_in_the_text_and_no_slot_is_left(section: str) -> None:
    fill = writer.Writer(3)
    for _ in range(60):
        written = fill.write(section)
        assert all(written.text[a:b].strip() == written.text[a:b] != "" for a, b, _ in written.spans)
        assert all(a[1] <= b[0] for a, b in zip(written.spans, written.spans[1:], strict=False))
        assert section == "code" or not writer.SLOT.search(written.text)
        assert not (section in ("plain", "code") and written.spans)


def test_every_template_can_be_filled() -> None:
    fill = {False: writer.Writer(0), True: writer.Writer(0, held_out=True)}
    for section in (*SECTIONS, "plain", "held_out", "held_out_plain"):
        for line in lists.phrases()[section].splitlines():
            fill[section.startswith("held_out")].filled(line)


def test_the_same_seed_writes_the_same() -> None:
    one, two = ([writer.Writer(5).write(s) for s in SECTIONS] for _ in range(2))
    assert one == two
    first, other, second = writer.Writer(5), writer.Writer(9), writer.Writer(5)
    for section in SECTIONS:  # writers side by side do not disturb one another
        other.write(section)
        assert first.write(section) == second.write(section)
    assert one != [writer.Writer(6).write(s) for s in SECTIONS]


def test_held_out_templates_and_names_are_not_trained_on() -> None:
    trained = {line for s in (*SECTIONS, "plain", "code") for line in lists.phrases()[s].splitlines()}
    apart = {line for s in ("held_out", "held_out_plain") for line in lists.phrases()[s].splitlines()}
    assert not trained & apart
    seen = {n for p in lists.people(False).values() for n in (*p.given, *p.family)}
    held = {n for p in lists.people(True).values() for n in (*p.given, *p.family)}
    assert len(held) > 1000
    assert not seen & held
    assert not {*lists.towns(False), *lists.geonames().names} & set(lists.towns(True))


def test_larger_towns_are_a_part() -> None:
    every, large = lists.geonames(), lists.geonames(1_000_000)
    sizes = dict(zip(*every, strict=True))
    assert set(large.names) < set(every.names)
    assert min(large.people) >= 1_000_000
    assert sizes["Lagos"] > sizes["Ibadan"] > 1_000_000


def test_given_and_family_name_are_one_person() -> None:
    written = writer.Writer(0).filled("{given} {family} met {given}.")
    assert [kind for _, kind in named(written)] == ["PERSON", "PERSON"]


def test_a_street_and_the_town_behind_it_are_one_address() -> None:
    fill = writer.Writer(0)
    assert [kind for _, kind in named(fill.filled("{street_name}, {city}"))] == ["ADDRESS"]
    assert [kind for _, kind in named(fill.filled("{street} is in {city}, {country}"))] == [
        "ADDRESS",
        "LOCATION",
        "LOCATION",
    ]


def test_words_of_posts_can_stand_apart() -> None:
    rows = [("Tom", "B-person"), ("'s", "O"), ("in", "O"), ("Rome", "B-location"), ("!", "O")]
    assert posts.sentence(rows, apart=True).text == "Tom 's in Rome !"
    assert named(posts.sentence(rows, apart=True)) == named(posts.sentence(rows))


def test_a_post_reads_as_people_write_and_can_be_about_others() -> None:
    post = posts.sentence(
        [
            ("@ann", "O"),
            ("Tom", "B-person"),
            ("Brady", "I-person"),
            ("'s", "O"),
            ("in", "O"),
            ("Rome", "B-location"),
            ("!", "O"),
        ]
    )
    assert post.text == "@ann Tom Brady's in Rome!"
    assert named(post) == [("Tom Brady", "PERSON"), ("Rome", "LOCATION")]
    other = posts.swapped(post, writer.Writer(1))
    assert [kind for _, kind in named(other)] == ["PERSON", "LOCATION"]
    assert other.text.startswith("@ann ")
    assert other.text.endswith("!")
    assert "Tom Brady" not in other.text


def test_stand_ins_become_names() -> None:
    changed = {
        kind
        for seed in range(12)
        for _, kind in named(posts.peopled(Written("he left the company in the city"), writer.Writer(seed)))
    }
    assert changed == {"PERSON", "ORGANIZATION", "LOCATION"}


def test_guesses_leave_open_what_they_do_not_know() -> None:
    common = {"the": 90, "lamp": 9, "met": 9, "in": 90, "and": 90, "is": 90, "broken": 5}
    guesser = posts.Guesser(common, training.name_lists(common))
    guess = guesser.guess("Maria met Qwxyz in Paris on Monday. The lamp is broken.", "gsm8k")
    assert named(guess) == [("Maria", "PERSON"), ("Paris", "LOCATION")]
    assert [guess.text[a:b] for a, b in guess.unsure] == ["Qwxyz"]
    assert named(guesser.guess("Maria met him", "posts")) == []


def test_labels_follow_the_spans() -> None:
    written = Written("Ann Lee met Bo", ((0, 7, "PERSON"),), ((12, 14),))
    words = training.tokens(written.text)
    assert training.labels(written, words) == [1, 2, 0, training.IGNORED]
