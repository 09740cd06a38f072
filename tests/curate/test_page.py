"""The audit's page: places that keep neighbours and stay the same, scripts that the policy names, data that ends no element."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import audit_report, bias, cache, dedup, outcome, problems, quality
from curate.audit import audit
from curate.chats import chats_of
from curate.errors import Surroundings
from curate.outcome import Reason
from curate.page import atlas, audit_page, libraries, scatter, side_by_side, written
from curate.page.layout import Layout, laid_out
from curate.page.places import components, lay_out
from curate.report import Colouring, Finding, Map, Points, Report, html

needs_extra = pytest.mark.skipif(bool(libraries.missing()), reason=libraries.EXTRA)


def clouds(rows=120, dimensions=24, seed=0):
    """Three clouds of unit vectors, and which cloud each row is of."""
    chance = np.random.default_rng(seed)
    of = np.arange(rows) % 3
    found = np.eye(dimensions)[of] + chance.normal(0, 0.05, (rows, dimensions))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32), of


# -- places -----------------------------------------------------------------------------------------------------------


def test_rows_of_a_cloud_lie_together():
    vectors, of = clouds()
    places = lay_out(vectors)
    away = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(away, np.inf)
    nearest = away.argsort(axis=1)[:, :5]
    assert (of[nearest] == of[:, None]).mean() > 0.95


def test_the_same_vectors_have_the_same_places_and_others_have_not():
    vectors, _ = clouds()
    assert lay_out(vectors).tobytes() == lay_out(vectors).tobytes()
    assert lay_out(vectors).tobytes() != lay_out(vectors[::-1].copy()).tobytes()


def test_one_thread_and_several_give_the_same_places():
    from threadpoolctl import threadpool_limits

    vectors, _ = clouds(300)
    with threadpool_limits(limits=1):
        alone = lay_out(vectors)
    with threadpool_limits(limits=3):
        assert lay_out(vectors).tobytes() == alone.tobytes()


def test_places_lie_in_the_unit_square():
    places = lay_out(clouds()[0])
    assert places.dtype == np.float32
    assert places.min() >= 0
    assert places.max() <= 1


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 49, 60])
def test_any_number_of_rows_has_places(rows):
    places = lay_out(clouds(max(rows, 3))[0][:rows])
    assert places.shape == (rows, 2)
    assert np.isfinite(places).all()


def test_rows_that_say_the_same_have_places_too():
    assert np.isfinite(lay_out(np.ones((80, 8), np.float32) / np.float32(8**0.5))).all()


def test_a_second_time_costs_nothing(tmp_path, monkeypatch):
    from curate.page import places as room

    vectors, _ = clouds()
    with cache.open(tmp_path) as kept:
        first = lay_out(vectors, cache=kept)
        monkeypatch.setattr(room, "_neighbours_together", lambda *_: pytest.fail("computed again"))
        assert lay_out(vectors, cache=kept).tobytes() == first.tobytes()
        with pytest.raises(pytest.fail.Exception):
            lay_out(vectors[:100], cache=kept)
        with pytest.raises(pytest.fail.Exception):
            lay_out(vectors, seed=1, cache=kept)


def test_components_are_those_of_a_singular_value_decomposition():
    vectors = clouds()[0].astype(np.float64)
    centred = vectors - vectors.mean(axis=0)
    _, values, rows = np.linalg.svd(centred, full_matrices=False)
    slow = centred @ rows[:4].T
    assert np.abs(components(vectors.astype(np.float32), 4)) == pytest.approx(np.abs(slow), abs=1e-5)
    assert values[3] > 0


# -- layout -----------------------------------------------------------------------------------------------------------


def rows_of(texts, source="part.jsonl:{}"):
    return chats_of(
        {
            "id": f"{number:04}",
            "turns": [{"role": "user", "content": text}, {"role": "assistant", "content": "Yes."}],
            "source": source.format(number),
        }
        for number, text in enumerate(texts)
    )


def encode(texts):
    """A vector by first letter; a blank text has none."""
    from curate.windows import Windows

    spoken = [number for number, text in enumerate(texts) if text.strip()]
    vectors = np.array([np.eye(26, dtype=np.float32)[ord(texts[n].strip()[0].lower()) % 26] for n in spoken]).reshape(
        -1, 26
    )
    zeros = np.zeros(len(spoken), np.int32)
    return Windows(vectors, np.array(spoken, np.int32), zeros, zeros + 1, len(texts))


def test_every_row_is_on_the_map_or_counted():
    found = laid_out(rows_of(["a", "b", " ", "c"]), rows_of(["a", "b", " ", "c"]), encode)
    assert found.rows == ("0000", "0001", "0003")
    assert (found.of, found.blank, found.left_out) == (4, 1, 0)
    few = laid_out(rows_of("abcdefghij"), rows_of("abcdefghij"), encode, most=4)
    assert (len(few.rows), few.of, few.left_out) == (4, 10, 6)
    assert few.rows[0] == "0000"
    assert few.rows[-1] == "0009"


def test_only_the_masked_text_is_shown_and_no_more_than_is_said():
    found = laid_out(rows_of(["secret " * 40, "short"]), rows_of(["<NAME_1> " * 40, "short"]), encode)
    assert not any("secret" in said for said in found.said)
    assert found.said[0] == ("<NAME_1> " * 40)[:120].strip() + "…"
    assert found.said[1] == "short"
    hidden = laid_out(rows_of(["secret"]), rows_of([]), encode)
    assert hidden.said == ("",)


def test_long_letters_get_fewer_of_them(monkeypatch):
    from curate.page import layout

    monkeypatch.setattr(layout, "BYTES_SAID", 1_000)
    texts = ["文" * 200] * 5
    found = laid_out(rows_of(texts), rows_of(texts), encode)
    assert found.characters == 60
    assert sum(len(said.encode()) for said in found.said) <= 1_000 + 5 * len("…".encode())


def test_files_are_named_by_the_shortest_end_that_tells_them_apart():
    chats = pl.concat([rows_of(["a"], "x/one/train.jsonl:3"), rows_of(["b"], "x/two/train.jsonl:4")])
    assert sorted(laid_out(chats, chats, encode).files) == ["one/train.jsonl", "two/train.jsonl"]


# -- the page ---------------------------------------------------------------------------------------------------------


def found_in(texts, layout=True):
    chats = rows_of(texts)
    broken = pl.DataFrame(schema={"source": pl.String, "reason": pl.String})
    outcomes = {"validate": quality.validate(chats), "exact": dedup.exact(chats)}
    where = laid_out(chats, chats, encode) if layout else None
    return audit(chats, broken, outcomes, source="part.jsonl", mask=lambda rows: rows, samples=100, layout=where)


def test_each_row_is_coloured_by_its_worst_finding():
    found = found_in(["Why does it blink?", "Why does it blink?", "Yes."])
    made = audit_page.points(found, found.layout)
    finding = next(one for one in made.colourings if one.title == "worst finding")
    said = [finding.names[group] for group in finding.groups]
    worst = {row: next(p.kind.title for p in found.problems if row in p.rows) for p in found.problems for row in p.rows}
    assert said == [worst.get(row, audit_page.SOUND) for row in made.rows]
    assert sum(finding.counts) == len(made.rows)
    assert finding.names[finding.quiet] == audit_page.SOUND


def test_the_page_holds_whole_texts_until_they_are_too_many():
    long = "lamp " * 1_500
    page = audit_page.report(found_in([long, long], layout=False))
    assert long.strip() in html.render(page)
    assert long.strip() not in html.render(audit_report.report(found_in([long, long], layout=False)))
    heavy = audit_page._fitting([found_table(500, "w" * 50_000)])
    assert heavy == 4_000


REPEATED = [
    {"id": f"{n:02}", "turns": [{"role": "user", "content": f"What does part {n // 2} cost?"},
                                {"role": "assistant", "content": f"It costs {10 + n % 2} euros, and we send it by post."}]}
    for n in range(6)
]  # fmt: skip


def with_many_findings():
    """More kinds of problem than the ten that the top holds, and rows that contradict each other."""
    chats = chats_of(REPEATED)
    outcomes = {"validate": quality.validate(chats)}
    broken = pl.DataFrame({"source": ["x.jsonl:3"], "reason": ["not JSON"]})
    found = audit(chats, broken, outcomes, faults=quality.faults(chats), mask=lambda rows: rows, samples=100)
    kind = problems.Kind("rows that are {}", "critical", "Why.", "What.")
    more = [replace(found.problems[0], kind=replace(kind, title=kind.title.format(n))) for n in range(10)]
    return replace(found, problems=problems.ranked([*more, *found.problems]))


def findings(page):
    return [block for block in page.sections[0].blocks if isinstance(block, Finding) and block.severity != "good"]


def test_every_finding_of_the_page_has_its_rows():
    found = with_many_findings()
    assert len(found.problems) > audit_report.TOP
    made = findings(audit_page.report(found))
    assert [finding.count for finding in made] == [problem.count for problem in found.problems]
    for finding, problem in zip(made, found.problems, strict=True):
        assert [row[0] for row in finding.rows.rows] == list(problem.rows[:100])
    assert [finding.folded for finding in made] == [place >= audit_report.TOP for place in range(len(made))]


def test_the_terminal_only_counts_what_was_also_found():
    found = with_many_findings()
    short = audit_report.summary(found)
    assert len(findings(short)) == audit_report.TOP
    for problem in found.problems[audit_report.TOP :]:
        assert problem.kind.title in str(short)


def test_rows_that_disagree_stand_beside_the_other_answer():
    found = with_many_findings()
    kind = side_by_side.DISAGREE["contradiction"]
    finding = next(f for f in findings(audit_page.report(found)) if f.title == kind.title.capitalize())
    names = [column.name for column in finding.rows.columns]
    for row in finding.rows.rows:
        twin = found.samples.answer(row[names.index("twin")])
        assert row[names.index("the other")] == twin != row[names.index("answer")]
    page = audit_page.report(found)
    section = next(part for part in page.sections if part.title == "Answers that disagree, side by side")
    assert len(section.blocks) == 2
    assert section.blocks[0].left != section.blocks[0].right


def test_a_page_that_tells_shares_of_two_counts_says_which():
    found = with_many_findings()
    assert "of the 7 rows read" in audit_report.report(found).sections[0].text
    assert "rows read" not in audit_report.report(found_in(["a", "a"])).sections[0].text


def test_toxicity_says_why_it_counts_more_rows_than_the_finding():
    chats = rows_of(["vile", "vile too"])
    scores = pl.DataFrame(
        {"row_id": ["0000", "0000", "0001", "0001"], "turn": [0, 1, 0, 1], "role": ["user", "assistant"] * 2,
         "score": [0.9, 0.9, 0.9, 0.1], "unscored": [None] * 4}, schema_overrides={"unscored": pl.String},
    )  # fmt: skip
    none = pl.DataFrame(schema={"source": pl.String, "reason": pl.String})
    removed = outcome.split(chats, "toxicity", {"0000": Reason("toxic answer", score=0.9)})
    found = audit(chats, none, {"toxicity": removed}, turn_scores=scores, bias=bias.measure(chats, turn_scores=scores))
    section = next(part for part in audit_report.report(found).sections if part.title == "Toxicity")
    assert f"{problems.BY_RULE['toxic query'].title!r} (1) leaves out" in section.blocks[-1].text
    assert [row[2] for row in section.blocks[0].rows if row[0] == "user"] == [2]


def found_table(rows, text):
    from curate.report import Column, Table

    return Table((Column("row", "code"), Column("said", "text")), tuple((str(n), text) for n in range(rows)))


def test_other_forms_of_the_report_show_the_map_as_figures():
    page = audit_page.report(found_in(["apple", "pear", "plum"]))
    assert "Queries by meaning" in page.to_markdown()
    assert "Queries by meaning" in str(page)
    told = json.loads(page.to_json())
    map_of = next(b for s in told["sections"] for b in s["blocks"] if b["type"] == "Map")
    assert "points" not in map_of
    assert "svg" not in map_of


def points(said, names=("a", "b")):
    n = len(said)
    groups = np.arange(n, dtype=np.int32) % len(names)
    place = np.linspace(0, 1, n, dtype=np.float32)
    return Points(place, place, [str(i) for i in range(n)], said, (Colouring("topic", names, groups, 0),))


def test_the_picture_has_every_point_once_and_is_only_drawing():
    svg = html.inert(scatter.drawn(points(["x"] * 37)))
    assert svg.count("M") == 37


def test_the_largest_groups_have_the_first_colours_and_quiet_ones_none():
    colouring = Colouring("t", ("few", "none", "many"), np.array([0, 1, 1, 1, 2, 2], np.int32), quiet=1)
    assert scatter.ranked(colouring) == [1, scatter.QUIET, 0]
    assert colouring.counts == (1, 3, 2)
    crowd = Colouring("t", tuple(map(str, range(40))), np.arange(40, dtype=np.int32))
    assert scatter.ranked(crowd)[19:] == [scatter.REST] * 21


@given(st.lists(st.text(st.characters(exclude_categories=())), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_json_in_a_page_ends_no_element_and_reads_back(said):
    text = scatter.as_json({"said": said, "n": [1, None]})
    assert not set("<>&\u2028\u2029") & set(text)
    assert text.encode()
    assert json.loads(text) == {"said": said, "n": [1, None]}


def test_json_that_could_end_an_element_is_refused():
    with pytest.raises(ValueError, match="<"):
        html.safe('{"a":"</script>"}')


# -- scripts ----------------------------------------------------------------------------------------------------------


@needs_extra
def test_the_policy_names_each_script_of_the_page_by_its_hash():
    page = written.render(audit_page.report(found_in(["apple </script><script>alert(1)</script>", "pear"])))
    policy = unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1])
    runs = re.findall(r'<script type="(?:text/javascript|module)">(.*?)</script>', page, re.DOTALL)
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in runs}
    allowed = re.search(r"script-src ([^;]*)", policy)[1].split()
    assert len(runs) == 2
    assert set(allowed) == hashes
    assert policy.startswith("default-src 'none'")
    assert not {"unsafe-eval", "connect-src", "http:", "https:", "blob:", "*"} & set(re.split(r"[ ;']+", policy))
    assert page.count("<script") - runs[0].count("<script") - runs[1].count("<script") == 3
    assert "<script>alert" not in page


@needs_extra
def test_no_script_can_be_closed_or_commented_out_from_inside():
    for _, text in libraries.scripts().parts:
        assert "</script" not in text.lower()
        assert "<!--" not in text
        assert "\r" not in text


@needs_extra
def test_nothing_of_the_map_writes_code_at_run_time():
    told = json.dumps(scatter.document(points(["x", "y"])))
    assert "CustomJS" not in told
    assert "webgl" not in told


def test_a_page_without_the_extra_is_whole_and_says_what_would_bring_it_to_life(tmp_path, monkeypatch):
    monkeypatch.setattr(libraries, "PACKAGES", ("no_such_package",))
    libraries.scripts.cache_clear()
    try:
        said = written.write(audit_page.report(found_in(["apple", "pear"])), tmp_path / "audit.html")
    finally:
        libraries.scripts.cache_clear()
    page = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert libraries.EXTRA in said
    assert "<script" not in page
    assert "script-src" not in page
    assert "data-map" not in page
    assert "Queries by meaning" in page
    assert "<svg" in page


def test_a_module_becomes_part_of_the_page():
    assert libraries._as_value("let q=1;export{q as default,z as y};") == "let q=1;\nconst DataTable = q;\n"
    with pytest.raises(Exception, match="exports no table"):
        libraries._as_value("let q=1;export{q as other};")


def test_reports_of_other_kinds_have_no_script():
    assert "<script" not in Report("t").to_html()
    assert isinstance(Map("t", "<svg/>", "a", found_table(1, "x")), Map)


def test_a_layout_says_what_it_leaves_out():
    layout = Layout(("a",), np.zeros((1, 2), np.float32), ("a",), ("f",), of=30_000, blank=3, characters=60)
    said = audit_page._told(layout)
    assert "1 of 30,000 rows" in said
    assert "60 characters" in said
    assert "3 rows without" in said


# -- Embedding Atlas --------------------------------------------------------------------------------------------------


def test_the_table_for_the_atlas_has_a_line_for_each_readable_row_and_masked_texts_only():
    rows = atlas.table(rows_of(["my secret", " ", "plum " * 900]), rows_of(["my <NAME_1>", " ", "plum " * 900]), encode)
    assert rows.columns == ["row", "query", "answer", "file", "x", "y"]
    assert rows["query"].to_list() == ["my <NAME_1>", ("plum " * 900)[: atlas.CHARACTERS]]


def test_the_atlas_answers_this_machine_only():
    told = atlas.command(Path("q.parquet"), 7000)
    assert told[told.index("--host") + 1] == "127.0.0.1"
    assert told[told.index("--duckdb") + 1] == "server"
    assert told[told.index("--port") + 1] == "7000"


def test_without_the_atlas_the_error_names_the_extra(monkeypatch):
    monkeypatch.setattr(atlas.util, "find_spec", lambda name: None)
    with pytest.raises(Surroundings, match="Embedding Atlas") as stopped:
        atlas.check()
    assert stopped.value.hint == atlas.EXTRA


def test_a_server_that_fails_is_a_sentence(monkeypatch):
    monkeypatch.setattr(atlas, "command", lambda path, port: ["false"])
    with pytest.raises(Surroundings, match="ended with code 1"):
        atlas.show(pl.DataFrame({"query": ["a"]}))
