"""Reports: four renderings of one model, and dataset text that none of them obeys."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from curate import plots, stats
from curate.errors import BadInput, Surroundings
from curate.report import Column, Fact, Figure, Finding, Note, Pair, Passage, Plot, Report, Section, Table
from curate.report.excerpt import bracketed, differing, excerpt, visible
from curate.report.html import PRINTED, WIDE, coded, inert
from curate.report.markdown import escaped

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> \u202egnp.exe\u202c \x1b[31m | `b` **c** ![i](http://h/i.png)"


def report_with(text: str) -> Report:
    """Dataset text in every place where a report can hold it."""
    columns = (Column(text), Column("row", "code"), Column("said", "text"), Column("score", "number", "unscored"))
    table = Table(columns, ((text, text, text, None), ("b", "c", "", 0.5)), caption=text, total=9)
    plot = Plot(text, plots.bars([text], [1.0], x=text), text, table)
    finding = Finding("critical", text, 3, Figure(0.5, 6, 0.2, 0.8, "%"), text, text, table)
    blocks = (table, plot, finding, Pair(text, text + " more", text, text, text), Note(text), Passage(text, text))
    return Report(text, text, (Fact(text, text, text),), (Section(text, text, blocks), Section(text, "", blocks, True)))


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def test_a_figure_says_what_it_stands_on():
    assert str(Figure(0.123, 450, 0.096, 0.156, "%")) == "12.3 % (n=450, 95 % CI 9.6 to 15.6)"
    assert str(Figure.of(stats.wilson(0, 30), "%")) == "0.0 % (n=30, 95 % CI 0.0 to 11.4)"
    assert str(Figure(85.93, 1200, 79.1, 92.7)) == "85.9 (n=1,200, 95 % CI 79.1 to 92.7)"
    assert str(Figure(-0.0001, unit="%")) == "-0.0100 %"
    assert str(Figure.of(stats.wilson(0, 0))) == "unknown (n=0)"
    assert str(Figure(float("nan"))) == "unknown"


def test_html_holds_hostile_text_as_text_only():
    page = report_with(HOSTILE).to_html()
    tags = Tags(page).seen
    names = {tag for tag, _ in tags}
    assert not names & {"script", "img", "iframe", "object", "embed", "form", "base", "audio", "video"}
    assert not [key for _, attrs in tags for key in attrs if key.startswith("on")]
    links = [value for _, attrs in tags for key, value in attrs.items() if key in ("src", "href", "xlink:href", "data")]
    assert all(link.startswith(("#", "data:,")) for link in links)
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "default-src 'none'" in page
    assert "&lt;script&gt;alert(1)" in page


def test_no_address_is_reachable_from_a_page():
    page = report_with("plain").to_html()
    assert set(re.findall(r"https?://[^\"' ]+", page)) <= {"http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg"}


def test_terminal_text_has_no_codes_and_no_markup_is_read():
    text = str(report_with(HOSTILE + " [bold red]loud[/] :smile:"))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold red]loud[/] :smile:" in text.replace("\n", " ")
    assert max(len(line) for line in text.splitlines()) <= 110


def test_terminal_and_str_say_the_same(capsys):
    report = report_with("plain")
    Console(width=100, color_system=None).print(report)
    printed = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines()).strip("\n")
    assert printed == str(report)


def test_markdown_takes_hostile_text_literally():
    text = report_with(HOSTILE).to_markdown()
    outside_fences = re.sub(r"(`{3,})text\n.*?\n\1\n", "", text, flags=re.DOTALL)
    assert "<script" not in outside_fences
    assert "<img" not in outside_fences
    assert not re.search(r"(?<!\\)!\[|(?<!\\)\]\(", outside_fences)
    for line in outside_fences.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 5


def test_a_fence_is_longer_than_the_backticks_in_the_text():
    text = Report("t", sections=(Section("s", blocks=(Passage("a ```` b\n# out", "l"),)),)).to_markdown()
    assert "\n`````text\n" in text


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("# head", "\\# head"),
        ("- item", "\\- item"),
        ("12. item", "12\\. item"),
        ("6.5 well-known", "6.5 well-known"),
        ("a|b\nc", "a\\|b ⏎ c"),
        ("http://x.y", "http\\://x.y"),
    ],
)
def test_markdown_escapes_what_it_must_and_no_more(text, literal):
    assert escaped(text) == literal


def test_json_is_one_document_that_holds_everything():
    document = json.loads(report_with(HOSTILE).to_json())
    assert document["schema"] == "winnow-report/1"
    table, plot, finding, pair, _note, passage = document["sections"][0]["blocks"]
    assert table["rows"][0] == [HOSTILE, HOSTILE, HOSTILE, None]
    assert table["total"] == 9
    assert "svg" not in plot
    assert plot["numbers"]["rows"]
    assert finding["share"]["text"] == "50.0 % (n=6, 95 % CI 20.0 to 80.0)"
    assert pair["right"] == HOSTILE + " more"
    assert pair["left_differs"] == []
    assert pair["right_differs"] == [[len(HOSTILE) + 1, len(HOSTILE) + 5]]
    assert passage["text"] == HOSTILE
    lone = json.loads(Report("half \ud83d").to_json())
    assert lone["title"] == "half \ud83d"


def test_numbers_that_are_not_numbers_become_null():
    table = Table((Column("x", "number"),), ((float("inf"),),))
    assert json.loads(Report("t", sections=(Section("s", blocks=(table,)),)).to_json())["sections"][0]["blocks"][0][
        "rows"
    ] == [[None]]


@given(st.text(max_size=200))
@settings(max_examples=25, deadline=None)
def test_any_text_renders_four_ways(text):
    report = Report(text, text, sections=(Section(text, text, (Pair(text, text[::-1], text, text), Note(text))),))
    str(report), report.to_markdown()
    json.loads(report.to_json())
    report.to_html().encode()


def test_a_cut_is_always_stated():
    table = Table((Column("said", "text"),), (("x" * 100_000,),), total=1_204)
    report = Report("t", sections=(Section("s", blocks=(table,)),))
    assert "first 600 of 100,000 characters" in report.to_html()
    assert "first 300 of 100,000 characters" in report.to_markdown()
    assert "first 160 of 100,000" in str(report)
    for text in (str(report), report.to_markdown(), report.to_html()):
        assert "1 of 1,204 rows" in text
    long = Report("t", sections=(Section("s", blocks=(Table((Column("n"),), tuple((n,) for n in range(40))),)),))
    assert "12 of 40 rows here" in str(long)


def test_a_pair_is_cut_around_the_first_difference():
    left, left_cut, right, _ = differing("same " * 1_000 + "red cat", "same " * 1_000 + "blue cat")
    assert "[-red-]" in bracketed(left, "[-", "-]")
    assert "{+blue+}" in bracketed(right, "{+", "+}")
    assert left_cut == "characters 4,408 to 5,007 of 5,007 characters"


@given(st.text(max_size=60), st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_parts_of_a_pair_are_the_whole_texts(left, right):
    parts_left, _, parts_right, _ = differing(left, right)
    assert "".join(text for text, _ in parts_left) == visible(left)
    assert "".join(text for text, _ in parts_right) == visible(right)
    if left == right:
        assert not any(differs for _, differs in parts_left)


def test_excerpt_keeps_short_texts_and_letters_of_all_scripts():
    assert str(excerpt("שלום, مرحبا, 你好 👩‍👩‍👧")) == "שלום, مرحبا, 你好 👩‍👩‍👧"
    assert visible("a\x00b\u2066c\r\nd") == "a‹U+0000›b‹U+2066›c\nd"


def test_writing_chooses_by_suffix_and_leaves_no_part(tmp_path):
    report = report_with("plain")
    for suffix, start in ((".html", "<!doctype html>"), (".md", "# plain"), (".json", "{")):
        path = report.write(tmp_path / "deep" / f"report{suffix}")
        assert path.read_text(encoding="utf-8").startswith(start)
        first = path.read_bytes()
        assert report.write(path).read_bytes() == first
    assert sorted(p.suffix for p in (tmp_path / "deep").iterdir()) == [".html", ".json", ".md"]


def test_writing_where_it_cannot_be_is_a_sentence(tmp_path):
    with pytest.raises(BadInput, match=r"not as \.pdf") as caught:
        report_with("x").write(tmp_path / "r.pdf")
    assert "r.html" in str(caught.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(Surroundings, match="could not be written"):
        report_with("x").write(tmp_path / "file" / "r.html")


@pytest.mark.parametrize(
    "svg",
    [
        '<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>',
        '<svg xmlns="http://www.w3.org/2000/svg"><use href="http://h/x.svg"/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg"><path style="fill: url(http://h/x)"/></svg>',
        '<!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg"/>',
        '<svg xmlns="http://www.w3.org/2000/svg"><image href="#a"/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg"><style>@import url(#a)</style></svg>',
    ],
)
def test_a_plot_that_is_more_than_drawing_is_refused(svg):
    with pytest.raises(ValueError, match="a plot holds"):
        inert(svg)


def test_what_all_figures_of_a_column_stand_on_is_said_once():
    shares = [Figure.of(stats.wilson(k, 40), "%") for k in (3, 8)]
    table = Table((Column("kind"), Column("share", "number")), (("a", shares[0]), ("b", shares[1])))
    assert table.bases == ("", "n=40, 95 % CI")
    report = Report("t", sections=(Section("s", blocks=(table,)),))
    for text in (str(report), report.to_markdown(), report.to_html()):
        assert text.count("n=40, 95 % CI") == 1
        assert "2.6 to 19.9" in text
    mixed = Table(table.columns, (("a", shares[0]), ("b", Figure(0.5, 7, 0.2, 0.8, "%"))))
    assert mixed.bases == ("", "")


def test_rows_with_two_texts_are_told_one_below_the_other():
    columns = (Column("row", "code"), Column("query", "text"), Column("answer", "text"), Column("score", "number"))
    table = Table(columns, (("r1", "a question", "an answer", 0.5),))
    report = Report("t", sections=(Section("s", blocks=(table,)),))
    assert "r1   score 0.500\n    query   a question\n  answer  an answer".replace("    query", "  query") in str(
        report
    )
    page = report.to_html()
    assert page.count('<tr class="record">') == 1
    assert page.index("a question") < page.index("an answer")


def test_a_row_of_the_wrong_width_is_refused():
    with pytest.raises(ValueError, match="a row of 1 cells in a table of 2"):
        Table((Column("a"), Column("b")), (("x",),))


LAMPS = Pair("Send 3 lamps\n  to Bergen.", "Send 5 lamps\n  to Bergen!", "the row", "the case", "numbers differ")


def lamps(pair: Pair = LAMPS) -> Report:
    return Report("t", sections=(Section("s", blocks=(pair,)),))


def test_differing_words_are_marked_in_each_form():
    html, markdown, plain = lamps().to_html(), lamps().to_markdown(), str(lamps())
    assert "Send <mark>3</mark> lamps" in html
    assert "Send <mark>5</mark> lamps" in html
    assert "> Send **3** lamps\\\n> &nbsp;&nbsp;to Bergen<b>.</b>\n" in markdown, (
        "stars between a letter and a sign stay stars"
    )
    assert "Send [-3-] lamps" in plain
    assert "Send {+5+} lamps" in plain
    pair = json.loads(lamps().to_json())["sections"][0]["blocks"][0]
    assert pair["left"] == LAMPS.left
    assert [pair["left"][a:b] for a, b in pair["left_differs"]] == ["3", "."]
    assert [pair["right"][a:b] for a, b in pair["right_differs"]] == ["5", "!"]


def printed(width: int, colours: str | None) -> str:
    console = Console(width=width, color_system=colours, force_terminal=colours is not None)
    with console.capture() as paper:
        console.print(lamps())
    return paper.get()


def test_a_wide_terminal_has_two_columns_and_a_narrow_one_has_one():
    wide, narrow = printed(120, None).splitlines(), printed(60, None).splitlines()
    assert any("Send [-3-]" in line and "Send {+5+}" in line for line in wide)
    assert not any("Send [-3-]" in line and "Send {+5+}" in line for line in narrow)
    places = [
        next(n for n, line in enumerate(narrow) if said in line) for said in ("the row", "[-3-]", "the case", "{+5+}")
    ]
    assert places == sorted(places)
    assert max(map(len, narrow)) <= 60


def test_a_terminal_with_colours_marks_without_brackets():
    coloured = printed(120, "standard")
    assert "[-" not in coloured
    assert "{+" not in coloured
    assert re.search(r"\x1b\[1;33m3\x1b\[0m", coloured)


@pytest.mark.parametrize("width", [20, 40, 89, 90, 200])
def test_hostile_pairs_fit_any_width(width):
    console = Console(width=width, color_system="truecolor", force_terminal=True)
    with console.capture() as paper:
        console.print(lamps(Pair(HOSTILE * 3, "w" * 500 + HOSTILE, HOSTILE, HOSTILE, HOSTILE)))
    text = re.sub(r"\x1b\[[0-9;]*m", "", paper.get())
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert max(map(len, text.splitlines())) <= width


def test_marks_in_markdown_are_literal_text():
    text = lamps(Pair("a *b* 1. c", "# x\n- *d* <i>\n\n    code", "l", "r")).to_markdown()
    assert "<i>" not in text
    assert not re.search(r"^> (#|-|    )", text, re.MULTILINE)
    assert "\\***d**\\* **&lt;i&gt;**" in text


def test_a_note_with_a_title_heads_what_follows():
    report = Report("t", sections=(Section("s", blocks=(Note("said", "<b>head</b>"),)),))
    assert '<h3 class="head"><bdi>&lt;b&gt;head&lt;/b&gt;</bdi></h3>' in report.to_html()
    assert "### &lt;b&gt;head&lt;/b&gt;" in report.to_markdown()
    assert "<b>head</b>" in str(report)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("set `a: {b: [c]}` in it", "set <code>a: {b: [c]}</code> in it"),
        ("`<b>` and <i>", "<code>&lt;b&gt;</code> and &lt;i&gt;"),
        ("one ` alone, `` two", "one ` alone, `` two"),
        ("`over\na line`", "`over\na line`"),
    ],
)
def test_what_stands_between_backticks_is_code_on_a_page(text, shown):
    assert coded(text) == shown


def test_no_sentence_of_a_page_shows_a_backtick_and_dataset_text_keeps_its_own():
    said = "use `x`"
    finding = Finding("notice", "t", 1, None, said, said)
    dataset = Table((Column("row", "code"), Column("said", "text")), (("r", "a `b` c"),))
    labels = Table((Column("what to do"),), ((said,),))
    page = Report("t", sections=(Section("s", said, (finding, Note(said), labels, dataset)),)).to_html()
    body = page.split("<body>")[1]
    assert body.count("<code>x</code>") == 5
    assert body.count("`") == 2
    assert "a `b` c" in body


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("set `a: {b: [c]}` in *it*", "set `a: {b: [c]}` in \\*it\\*"),
        ("`<b>` and <i>", "`<b>` and &lt;i&gt;"),
        ("one ` alone, `` two", "one \\` alone, \\`\\` two"),
    ],
)
def test_what_stands_between_backticks_is_code_in_markdown(said, shown):
    table = Table((Column("what to do"), Column("said", "text")), ((said, said),))
    finding = Finding("notice", "t", 1, None, said, said)
    text = Report("t", sections=(Section("s", said, (finding, Note(said), table)),)).to_markdown()
    assert text.count(shown) == 5 + (shown == escaped(said))
    assert f"| {shown} | {escaped(said)} |" in text


def test_a_pipe_in_code_ends_no_cell_and_is_no_other_text_elsewhere():
    table = Table((Column("what to do"),), (("use `a|b`",),))
    text = Report("t", sections=(Section("s", "use `a|b`", (table,)),)).to_markdown()
    assert "\nuse `a|b`\n" in text
    assert "\n| use `a\\|b` |\n" in text


def test_a_cut_names_what_was_cut():
    table = Table((Column("occupation"),), (("baker",),) * 20, total=90, things="occupations")
    report = Report("t", sections=(Section("s", blocks=(table,)),))
    assert "20 of 90 occupations" in report.to_html()
    assert "20 of 90 occupations" in report.to_markdown()
    assert "12 of 90 occupations here; 20 in the written report" in str(report)
    assert "20 of 90 rows" in Report("t", sections=(Section("s", blocks=(replace(table, things="rows"),)),)).to_html()


def some_rows(n: int) -> Table:
    columns = (Column("row", "code"), Column("query", "text"), Column("answer", "text"))
    return Table(columns, tuple((f"r{at}", "q", "a") for at in range(n)), total=n + 7)


def test_a_folded_finding_is_closed_and_holds_its_rows():
    finding = Finding("notice", "Answers that refuse", 12, None, "why", "what", some_rows(5), folded=True)
    page = Report("t", sections=(Section("s", blocks=(finding,)),)).to_html()
    tags = [(tag, attrs) for tag, attrs in Tags(page).seen if tag == "details"]
    assert [attrs["class"] for _, attrs in tags] == ["finding folded notice"]
    assert "open" not in tags[0][1]
    inside = page.split("<details")[1].split("</details>")[0]
    assert inside.index("Answers that refuse") < inside.index("</summary>") < inside.index("why")
    assert inside.count('<tr class="record">') == 5


def test_paper_says_how_many_rows_of_a_finding_it_leaves_out():
    def page(n: int) -> str:
        return Report("t", sections=(Section("s", blocks=(Finding("notice", "f", n, rows=some_rows(n)),)),)).to_html()

    assert f"{PRINTED} of 47 rows are printed; the page holds 40." in page(40)
    assert "rows are printed" not in page(PRINTED)


def test_only_a_table_of_many_columns_says_each_cells_column_with_the_cell():
    def page(columns: int) -> str:
        table = Table(tuple(Column(f"c<{n}>") for n in range(columns)), (tuple(range(columns)),))
        return Report("t", sections=(Section("s", blocks=(table,)),)).to_html().split("<body>")[1]

    assert "data-name" not in page(WIDE)
    assert page(WIDE + 1).count('data-name="c&lt;') == WIDE + 1
    assert 'class="sheet wide"' in page(WIDE + 1)
