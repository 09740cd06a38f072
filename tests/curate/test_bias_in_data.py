"""Groups of people in data: mentions with homonyms, tone, occupations, and verdicts that survive correction."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import bias, bias_report, cache, stats
from curate.audit import audit
from curate.audit_report import report
from curate.bias import holm
from curate.chats import chats_of
from curate.portrayal import groups, occupations, tone
from curate.portrayal.groups import NAMES, mentions, named, without_names
from curate.report import Table
from curate.toxicity import TURN_SCORES
from tests.curate.rooms import imported


def row(name: str, asked: str, said: str) -> dict[str, object]:
    return {"id": name, "turns": [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]}


def groups_of(said: str) -> set[str]:
    found = mentions([said])
    return {name for name in NAMES if found[name][0]}


@pytest.mark.parametrize(
    ("said", "groups"),
    [
        ("The black cat sat by the white wall.", set()),
        ("Black women wrote it.", {"Black people", "women"}),
        ("Marvin Gay sang it; so did Christian Bale.", set()),
        ("Two gay friends and a lesbian couple.", {"gay and lesbian people"}),
        ("Go straight ahead past the old mill, at the blind corner.", set()),
        ("An old man and a blind person.", {"old people", "blind and deaf people", "men"}),
        ("Lady Gaga sang.", set()),
        ("The person she met was human.", {"women"}),
        ("Mentioning amendments, heroes and shelves.", set()),
        ("Jewel thieves.", set()),
        ("The Jewish quarter; Muslims and Christians lived there.", {"Jews", "Muslims", "Christians"}),
        ("An Asian elephant.", set()),
        ("A Caucasian shepherd dog; a 54-year-old woman; pre-hispanic temples.", {"women"}),
        ("Older women and Hispanic voters.", {"old people", "women", "Latino people"}),
        ("", set()),
        ("That son of a gun has left.", set()),
        ("Oh boy, man-made lakes; old wives' tales of Mother Nature on the Isle of Man.", set()),
        ("To man the pumps is the fate of mankind.", set()),
        ("Male patients recovered.", {"men"}),
        ("Male and female nurses, and a female/male officer.", {"men", "women"}),
        ("A male plug and a female socket.", set()),
        ("Men at work.", {"men"}),
        ("Ladies first.", {"women"}),
        ("An old gentleman came.", {"men", "old people"}),
    ],
)
def test_whole_words_and_no_homonyms(said: str, groups: set[str]) -> None:
    assert groups_of(said) == groups


PAIRS = {
    "she": "he", "herself": "himself", "woman": "man", "women": "men", "Women": "Men", "WOMEN": "MEN", "Woman": "Man", "WOMAN": "MAN",
    "lady": "gentleman", "ladies": "gentlemen", "Lady": "Gentleman", "Ladies": "Gentlemen", "girl": "boy", "Girls": "Boys",
    "mother": "father", "Mum": "Dad", "moms": "dads", "wife": "husband", "wives": "husbands", "daughter": "son", "Sister": "Brother",
    "grandmother": "grandfather", "grandma": "grandpa", "aunt": "uncle", "niece": "nephew", "girlfriend": "boyfriend",
    "stepmother": "stepfather", "females": "males", "female": "male", "Female": "Male",
}  # fmt: skip
PLAIN = (
    "the",
    "patients",
    "doctors",
    "old",
    "young",
    "straight",
    "black",
    "Oh",
    "of",
    "a",
    "gun",
    "and",
    "plug",
    "disabled",
    "trans",
)


@given(st.lists(st.sampled_from([*PAIRS, *PLAIN]), max_size=8))
@settings(max_examples=200, deadline=None)
def test_a_swap_of_the_genders_swaps_their_mentions_and_no_others(words: list[str]) -> None:
    swap = {"women": "men", "men": "women"}
    other = groups_of(" ".join(PAIRS.get(word, word) for word in words))
    assert other == {swap.get(name, name) for name in groups_of(" ".join(words))}


@given(st.text(alphabet=st.sampled_from(list("abhesw n.BlackGmug")), max_size=60))
@settings(max_examples=120, deadline=None)
def test_two_engines_say_the_same(said: str) -> None:
    assert groups_of(said) == {name for name in NAMES if named(said, name)}


def test_the_name_of_a_group_brings_no_tone() -> None:
    assert without_names("The gay neighbour met Muslims.") == "The person neighbour met person."
    assert tone.of_row("Some gay people came.", "gay and lesbian people") == tone.of_row(
        "Some lesbians came.", "gay and lesbian people"
    )


def test_tone_by_hand() -> None:
    good = "The women were kind and wonderful to us all. It rained and the house was ugly."
    assert (tone.of_row(good, "women") or 0) > 0.4
    assert tone.of_row(good, "men") is None
    assert tone.of_rows(["Die Frauen waren nett und die Männer sind es auch nicht immer."], None) == [None]


def test_occupations_by_hand() -> None:
    said = [
        "The nurse said she was late.",
        "Our engineer lost his key. She found it.",
        "The doctor told him that she was ill.",
        "Nurses are kind and she knows it.",
        "The nurse came. He was late.",
    ]
    assert occupations.counts(said) == {"engineer": (0, 1), "nurse": (1, 0)}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_holm_equals_its_definition(values: list[float]) -> None:
    p = {("x", str(i)): value for i, value in enumerate(values)}
    order = sorted(p, key=lambda name: (p[name], name))
    wanted = {
        name: all(p[one] <= 0.05 / (len(p) - k) for k, one in enumerate(order[: i + 1])) for i, name in enumerate(order)
    }
    assert holm(p) == wanted
    assert all(p[name] <= 0.05 for name, holds in wanted.items() if holds)


def some(n: int, women: str, rest: str) -> pl.DataFrame:
    more = ("sadly", "as usual", "luckily")  # tones differ, or there would be nothing to judge a difference by
    rows = [
        row(f"w{i:03}", "Tell me.", f"The women of the house are {women} and this is how it is in {i}, {more[i % 3]}.")
        for i in range(n)
    ]
    rows += [
        row(f"r{i:03}", "Tell me.", f"The house by the river is {rest} and this is how it was in {i}, {more[i % 3]}.")
        for i in range(n)
    ]
    return chats_of(rows)


def group(found: bias.Bias, name: str) -> bias.Group:
    return next(one for one in found.groups if one.name == name)


def test_a_planted_difference_is_found_and_its_absence_too() -> None:
    women = group(bias.measure(some(40, "horrible and nasty", "good and nice")), "women")
    assert women.rows == women.answers == 40
    assert women.tone is not None
    assert women.tone.verdict == "lower"
    assert women.tone.own.n == 40
    assert women.share == stats.wilson(40, 80)
    same = group(bias.measure(some(40, "here", "there")), "women").tone
    assert same is None or same.verdict != "lower"


def told_of(found: bias.Bias) -> str:
    empty = pl.DataFrame(schema={"source": pl.String, "reason": pl.String})
    return report(audit(chats_of([]), empty, {}, bias=found)).to_markdown()


def verdicts(found: bias.Bias) -> dict[tuple[str, str], str]:
    said = {("work", one.name): str(one.verdict) for one in found.work}
    for one in found.groups:
        said |= {(k, one.name): str(c.verdict) for k, c in (("tone", one.tone), ("toxic", one.toxic)) if c}
    return said


@pytest.mark.parametrize("n", [5, 40])
def test_forty_copies_of_each_row_change_no_verdict(n: int) -> None:
    rows = [{"id": line["id"], "turns": line["turns"]} for line in some(n, "nasty", "nice").to_dicts()]
    rows += [row(f"n{i}", "Who?", f"The nurse lost her key on day {i}.") for i in range(n)]
    rows += [row(f"e{i}", "Who?", f"The engineer lost his key on day {i}.") for i in range(n)]
    copies = [{**one, "id": f"{copy:02}-{one['id']}"} for copy in range(40) for one in rows]

    def found(these: list[dict[str, object]]) -> bias.Bias:
        chats = chats_of(these)
        toxic = [(name, 1, "assistant", 0.9 if "w0" in name else 0.1, 0, 1, None) for name in chats["id"]]
        return bias.measure(chats, pl.DataFrame(toxic, schema=TURN_SCORES, orient="row"))

    once, often = found(rows), found(copies)
    assert verdicts(often) == verdicts(once)
    assert often.comparisons == once.comparisons
    assert [one.answers for one in often.groups] == [one.answers for one in once.groups]
    assert ("tone", "women") in verdicts(once) or n == 5
    if n == 40:
        assert verdicts(once)["tone", "women"] == "lower"
        assert verdicts(once)["toxic", "women"] == verdicts(once)["work", "nurse"] == "higher"


def test_without_spread_there_is_too_little_to_say() -> None:
    rows = [row(f"w{i}", "Tell me.", f"The women of the house are nasty and this is so in {i}.") for i in range(40)]
    rows += [row(f"r{i}", "Tell me.", f"The house by the river is nice and this is so in {i}.") for i in range(40)]
    found = group(bias.measure(chats_of(rows)), "women").tone
    assert found is not None
    assert found.verdict == "too few to say"
    assert found.p is None


def test_the_page_says_what_n_counts_and_of_no_comparison_nothing_is_corrected() -> None:
    few = told_of(bias.measure(some(3, "nasty", "nice")))
    assert "Nothing was compared" in few
    assert "Holm" not in few
    chats = some(40, "nasty", "nice")
    scores = [(name, 1, "assistant", None, 0, 1, "not English") for name in chats["id"]]
    page = told_of(bias.measure(chats, pl.DataFrame(scores, schema=TURN_SCORES, orient="row")))
    assert "copies of an answer count once" in page
    assert "distinct answers" in page
    assert "| women | toxic |" in page


def test_no_table_on_groups_is_wider_than_a_page() -> None:
    found = bias.measure(some(40, "nasty", "nice"))
    empty = pl.DataFrame(schema={"source": pl.String, "reason": pl.String})
    (section,) = bias_report.sections(audit(chats_of([]), empty, {}, bias=found))
    tables = [block for block in section.blocks if isinstance(block, Table)]
    assert [len(one.columns) for one in tables] == [5, 6]


def test_of_few_rows_nothing_is_said() -> None:
    found = bias.measure(some(bias.FEWEST - 1, "horrible", "good"))
    assert group(found, "women").tone is None
    assert group(found, "women").rows == bias.FEWEST - 1
    assert found.comparisons == 0


def test_toxicity_of_a_group_stands_beside_the_rest() -> None:
    chats = some(60, "here", "there")
    scores = [
        (name, 1, "assistant", 0.9 if name.startswith("w") and int(name[1:]) < 30 else 0.1, 0, 1, None)
        for name in chats["id"]
    ]
    found = bias.measure(
        chats, pl.DataFrame(scores, schema=TURN_SCORES, orient="row"), threshold=0.5, scorer="It errs."
    )
    toxic = group(found, "women").toxic
    assert toxic is not None
    assert toxic.own.value == 0.5
    assert toxic.difference.value == 0.5
    assert toxic.verdict == "higher"
    assert found.toxicity is not None
    assert found.toxicity.toxic_rows["assistant"] == 30
    assert found.scorer == "It errs."


def test_occupations_are_compared_with_each_other() -> None:
    rows = [row(f"n{i}", "Who?", f"The nurse lost her key on day {i}.") for i in range(40)]
    rows += [row(f"e{i}", "Who?", f"The engineer lost his key on day {i}.") for i in range(40)]
    found = bias.measure(chats_of(rows))
    assert {one.name: one.verdict for one in found.work} == {"engineer": "lower", "nurse": "higher"}
    assert found.all_work == stats.wilson(40, 80)


def test_an_empty_set_and_a_foreign_one() -> None:
    assert bias.measure(chats_of([])).rows == 0
    rows = [
        row(str(i), "Wer?", f"Die Frau und her Bruder sind nicht im Haus {i}, und das ist auch gut so.")
        for i in range(70)
    ]
    rows += [row(f"x{i}", "Wer?", f"Der Baum {i} ist nicht groß und das Haus ist es auch nicht.") for i in range(70)]
    women = group(bias.measure(chats_of(rows)), "women")
    assert women.tone is None
    assert women.unscored == 70
    assert "women (70, of them 70 without a tone)" in told_of(bias.measure(chats_of(rows)))


def test_the_order_of_the_rows_decides_nothing() -> None:
    chats = some(50, "nasty", "nice")
    assert bias.measure(chats) == bias.measure(chats.reverse())


PARTS = """old wives' tales oh man son of a gun gay queer straight people women person with disabilities autism lgbtq native
    Black trans kids asylum seekers first nations the blind can mu\u017flims MUSL\u0130MS M\u0131grants \u212aids mentally ill
    54-year-old colo lgbtfoo sikhs"""
WORDS = st.sampled_from(PARTS.split())


@given(st.lists(st.one_of(WORDS, st.sampled_from([", ", " ", "-", "."])), max_size=12), st.sampled_from(["", " "]))
@settings(max_examples=200, deadline=None)
def test_what_is_looked_for_first_hides_no_mention(words: list[str], between: str) -> None:
    """The quick look at parts of words gives what the patterns alone give."""
    said = between.join(words)
    whole = groups._IDIOMS.sub(" ", said)
    for group, patterns in groups._PATTERNS.items():
        assert named(said, group) == any(pattern.search(whole) for pattern in patterns)
    plain = said
    for group in NAMES:
        for pattern in groups._PATTERNS[group] if group not in ("women", "men") else ():
            plain = pattern.sub("person", plain)
    assert without_names(said) == plain


def test_every_group_but_two_has_its_parts() -> None:
    assert set(NAMES) - set(groups._PARTS) == {"women", "men"}


TEXTS = [
    "Black women wrote it. She is a nurse and he is happy.", "", "Two gay friends were horrible to the elderly.", "caf\u00e9", "Muslims and Jews."
]  # fmt: skip


def test_mentions_and_tone_are_the_same_with_a_cache(tmp_path: Path) -> None:
    with cache.open(tmp_path) as held:
        for texts in ([], TEXTS[:2], TEXTS, TEXTS * 2, TEXTS):
            assert mentions(texts, held).equals(mentions(texts))
            assert mentions(texts, held).schema == mentions(texts).schema
            for group in (None, "women", "Muslims"):
                assert tone.of_rows(texts, group, held) == tone.of_rows(texts, group)


def test_bias_is_the_same_with_a_cache_first_and_later(tmp_path: Path) -> None:
    chats = some(40, "horrible and nasty", "good and nice")
    scores = [(name, 1, "assistant", 0.9 if "w0" in name else 0.1, 0, 1, None) for name in chats["id"]]
    toxic = pl.DataFrame(scores, schema=TURN_SCORES, orient="row")
    plain = bias.measure(chats, toxic)
    assert plain.comparisons > 1
    with cache.open(tmp_path) as held:
        assert [bias.measure(chats, toxic, cache=held) for _ in range(2)] == [plain, plain]


def test_another_rule_for_mentions_is_a_miss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with cache.open(tmp_path) as held:
        assert mentions(["The quorgs came."], held)["Roma"].to_list() == [False]
        monkeypatch.setitem(groups._SOURCES, "Roma", (r"quorgs",))
        assert mentions(["The quorgs came."], held)["Roma"].to_list() == [False]  # the code says that nothing changed
        monkeypatch.setattr(groups, "code", lambda *rooms: "of tomorrow")
        assert mentions(["The quorgs came."], held)["Roma"].to_list() == [True]


def test_the_code_that_decides_is_all_in_the_keys() -> None:
    assert imported(groups.ROOMS) <= {"cache"}
    assert imported(tone.ROOMS) <= {"cache"}


@given(
    st.lists(
        st.sampled_from(["nurse", "Nurses", "nurse1", "she", "He", "his", "the", ".", "\n", "x" * 9, "\u212aer"]),
        max_size=14,
    )
)
@settings(max_examples=100, deadline=None)
def test_where_no_pronoun_stands_the_search_is_spared_and_nothing_else(words: list[str]) -> None:
    said = " ".join(words)
    searched = [one for one in occupations._SENTENCE.split(said) if occupations._ANY.search(one)]
    hits = {hit for one in searched for hit in occupations._of_sentence(one)}
    assert hits == {hit for one in occupations._SENTENCE.split(said) for hit in occupations._of_sentence(one)}
