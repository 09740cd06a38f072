"""The audit's live page in a real browser: what a reader does to it, and that hostile rows do nothing to the reader."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from devtools import CHROMIUM, Tab, opened

from curate import dedup, quality
from curate.audit import audit
from curate.chats import chats_of
from curate.page import audit_page, libraries, written
from curate.page.layout import Layout
from curate.report import Column, Report, Section, Table, html
from curate.report.excerpt import one_line

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH: apt-get install chromium"),
    pytest.mark.skipif(bool(libraries.missing()), reason=libraries.EXTRA),
]

MARK = "winnow-was-here"
HOSTILE = [
    f"<script>document.title='{MARK}'</script>",
    f"</script><script>document.title='{MARK}'</script><!-- <script>",
    f"<img src=x onerror=\"document.title='{MARK}'\"><iframe srcdoc='<p>hi'></iframe>",
    "\u202eevil\u2066 txt.exe \u200f שלום",
    "a\x00b \x1b[31m @x @said{safe} $index $$x^2$$ {{ 7 * 7 }} ${7 * 7}",
    "\u2028 a line, &lt;b&gt; and &amp; and \ufffe",
    "w" * 100_000,
    "the needle in the hay",
]
ROWS = [*HOSTILE, *(f"How do I mend part {n} of my lamp?" for n in range(60))]


def row(number: int, query: str) -> dict:
    turns = [{"role": "user", "content": query}, {"role": "assistant", "content": query if number % 2 else ""}]
    return {"id": f"row-{number:03}", "turns": turns}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chats = chats_of([row(n, query) for n, query in enumerate(ROWS)])
    places = np.linspace(0.05, 0.95, 2 * len(ROWS)).reshape(-1, 2).astype(np.float32)
    said = tuple(one_line(query[:120]) for query in ROWS)
    files = tuple("<b>a</b>.jsonl" if n % 3 else "b.jsonl" for n in range(len(ROWS)))
    layout = Layout(tuple(chats["id"]), places, said, files, len(ROWS), 0, 120)
    outcomes = {"validate": quality.validate(chats), "exact": dedup.exact(chats)}
    broken = pl.DataFrame(schema={"source": pl.String, "reason": pl.String})
    found = audit(chats, broken, outcomes, source=HOSTILE[1], samples=50, mask=lambda rows: rows, layout=layout)
    path = tmp_path_factory.mktemp("page") / "audit.html"
    assert written.write(audit_page.report(found), path) is None
    return path


@pytest.fixture(scope="module")
def tab(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with opened(page, tmp_path_factory.mktemp("browser")) as tab:
        tab.wait("document.documentElement.dataset.mapped")
        yield tab


def source(part: str) -> str:
    return f"Bokeh.documents[0].roots().find(root => root.name === 'map').renderers[0].data_source.{part}"


def ranges(tab: Tab) -> list[float]:
    return tab.value(
        "(m => [m.x_range.start, m.x_range.end, m.y_range.start, m.y_range.end])(Bokeh.documents[0].roots()[0])"
    )


def test_the_page_asks_for_nothing_and_hostile_rows_run_nothing(tab: Tab, page: Path) -> None:
    assert [address for address in tab.asked if not address.startswith("data:")] == [page.resolve().as_uri()]
    assert tab.said == []
    assert MARK not in tab.value("document.title.replaceAll(/<script>.*?<.script>/g, '')")
    assert (
        tab.value("document.querySelectorAll('iframe, img, main script:not([type=\"application/json\"])').length") == 0
    )
    assert tab.value("document.querySelectorAll('script').length") == 3


def test_the_policy_lets_no_other_script_run(tab: Tab) -> None:
    tab.value(
        f"(s => {{ s.textContent = \"document.title='{MARK}'\"; document.body.append(s) }})(document.createElement('script'))"
    )
    assert tab.value("document.title") != MARK
    assert (
        tab.value(
            "(() => { try { return fetch('http://127.0.0.1:9/').then(() => 'went', () => 'held') } catch { return 'held' } })()"
        )
        == "held"
    )
    policy = tab.value("document.querySelector('meta[http-equiv]').content")
    assert "unsafe-eval" not in policy
    assert "script-src 'sha256-" in policy
    assert "connect-src" not in policy
    assert policy.startswith("default-src 'none'")
    tab.said.clear()


def test_every_text_comes_through_whole_and_visible(tab: Tab) -> None:
    held = tab.value(f"Array.from({source('data.said')})")
    assert held == [one_line(query[:120]) for query in ROWS]
    assert "‹U+202E›" in held[3]
    assert "\u202e" not in tab.value("document.body.innerText")


def test_hovering_shows_the_text_of_a_point_and_its_group(tab: Tab) -> None:
    tab.value("document.querySelector('.stage').scrollIntoView({block: 'center', behavior: 'instant'})")
    # Where Bokeh draws row 1, in pixels of the window.
    at = tab.value(
        "(async () => { const root = Bokeh.documents[0].roots()[0], view = Bokeh.index.get_by_id ? Bokeh.index.get_by_id(root.id) : Bokeh.index[root.id];"
        f"const d = {source('data')}, box = view.canvas_view.el.getBoundingClientRect();"
        "return [box.x + view.frame.x_scale.compute(d.x[1]), box.y + view.frame.y_scale.compute(d.y[1])] })()"
    )
    tab.mouse("mouseMoved", at[0] - 30, at[1] - 30)
    tab.mouse("mouseMoved", at[0], at[1])
    # The tooltip lies in shadow roots.
    find = (
        "(function find(root) { for (const e of root.querySelectorAll('*')) { if (e.classList.contains('winnow-tip')) return e;"
        "const f = e.shadowRoot && find(e.shadowRoot); if (f) return f } return null })(document)"
    )
    tab.wait(find)
    said = tab.value(f"{find}.innerText")
    assert one_line(HOSTILE[1]) in said
    assert tab.value(f"{find}.querySelectorAll('script, img').length") == 0


def test_a_search_selects_the_points_and_lists_the_rows(tab: Tab) -> None:
    tab.click("[data-part=search]")
    tab.type("NEEDLE")
    assert tab.value(source("selected.indices")) == [7]
    assert tab.value("document.querySelector('[data-part=said]').textContent") == f"1 of {len(ROWS)} rows"
    assert tab.value("document.querySelector('[data-part=matches]').textContent") == "the needle in the hay"
    tab.value(
        "(b => { b.value = '<img'; b.dispatchEvent(new Event('input')) })(document.querySelector('[data-part=search]'))"
    )
    assert tab.value("document.querySelectorAll('[data-part=matches] img').length") == 0
    assert tab.value(source("selected.indices")) == [2]
    tab.value(
        "(b => { b.value = ''; b.dispatchEvent(new Event('input')) })(document.querySelector('[data-part=search]'))"
    )
    assert tab.value(source("selected.indices")) == []


def test_a_search_without_a_match_shows_no_point(tab: Tab) -> None:
    tab.value(
        "(b => { b.value = 'zzzz'; b.dispatchEvent(new Event('input')) })(document.querySelector('[data-part=search]'))"
    )
    assert tab.value("document.querySelector('[data-part=said]').textContent") == f"0 of {len(ROWS)} rows"
    assert not any(index < len(ROWS) for index in tab.value(source("selected.indices")))
    assert tab.said == []
    tab.value(
        "(b => { b.value = ''; b.dispatchEvent(new Event('input')) })(document.querySelector('[data-part=search]'))"
    )


def test_groups_are_shown_alone_and_coloured_otherwise_by_keyboard(tab: Tab) -> None:
    tab.value(
        "(s => { s.value = '1'; s.dispatchEvent(new Event('change')) })(document.querySelector('[data-part=by]'))"
    )
    assert tab.value("document.querySelector('[data-part=groups] bdi').textContent") == "<b>a</b>.jsonl"
    tab.value("document.querySelector('[data-part=groups] button').focus()")
    tab.key("Enter")
    assert tab.value("document.activeElement.getAttribute('aria-pressed')") == "true"
    assert len(tab.value(source("selected.indices"))) == sum(1 for n in range(len(ROWS)) if n % 3)
    tab.key("Enter")
    assert tab.value(source("selected.indices")) == []


def test_the_map_moves_and_zooms_by_keyboard(tab: Tab) -> None:
    tab.value("document.querySelector('.stage').focus()")
    start = ranges(tab)
    tab.key("ArrowRight")
    assert ranges(tab)[0] > start[0]
    tab.key("+")
    assert ranges(tab)[1] - ranges(tab)[0] < start[1] - start[0]
    tab.key("0")
    assert ranges(tab) == pytest.approx(start, abs=0.3)


def first_rows(tab: Tab, table: str) -> list[str]:
    return tab.value(f"Array.from({table}.tBodies[0].rows, row => row.cells[0].textContent.replace(/^row/, '').trim())")


def test_a_finding_is_leafed_through_sorted_and_filtered(tab: Tab) -> None:
    table = "document.querySelector('.finding table')"
    assert tab.value(f"{table}.closest('.dt-container')") is None  # a closed part costs nothing
    for _ in range(5):
        tab.click(".finding summary")
        # On a busy machine the page may still be moving, and a pointer meets what stood there before.
        for _ in range(100):
            if opened_at_last := tab.value("document.querySelector('.finding details').open"):
                break
            time.sleep(0.02)
        if opened_at_last:
            break
    tab.wait(f"{table}.closest('.dt-container')")
    shown = first_rows(tab, table)
    assert len(shown) == 10
    following = f"{table}.closest('.dt-container').querySelector('[aria-label=Next], .dt-paging-button.next')"
    tab.value(f"{following}.click()")
    assert not set(first_rows(tab, table)) & set(shown)
    tab.value(f"{table}.tHead.querySelector('[tabindex]').focus()")
    for order in ("ascending", "descending"):
        tab.key("Enter")
        tab.wait(f"{table}.tHead.querySelector('th').getAttribute('aria-sort') === '{order}'")
    assert first_rows(tab, table) == sorted(first_rows(tab, table), reverse=True)
    tab.value(f"{table}.closest('.dt-container').querySelector('input').focus()")
    tab.type("needle")
    tab.wait(f"{table}.tBodies[0].rows.length === 1")
    assert "the needle in the hay" in tab.value(f"{table}.innerText")


@pytest.mark.parametrize(("scheme", "low", "high"), [("light", 200, 256), ("dark", 0, 60)])
@pytest.mark.parametrize("width", [1280, 400])
def test_light_dark_and_narrow(page: Path, tmp_path: Path, scheme: str, low: int, high: int, width: int) -> None:
    image = pytest.importorskip("PIL.Image")
    with opened(page, tmp_path, width=width, prefers_color_scheme=scheme) as tab:
        tab.wait("document.documentElement.dataset.mapped")
        assert tab.value("document.documentElement.scrollWidth - innerWidth") <= 0
        x, y = tab.middle(".stage")
        with image.open(tab.picture(tmp_path / "shot.png")) as picture:
            # The paper of the page, and of the map in it.
            assert low <= sum(picture.convert("RGB").getpixel((4, 400))) / 3 < high
            assert low <= sum(picture.convert("RGB").getpixel((int(x) - 150, int(y) - 100))) / 3 < high


def test_paper_holds_the_first_rows_of_a_finding_and_breaks_inside_it(tab: Tab) -> None:
    tab.call("Emulation.setEmulatedMedia", media="print")
    try:
        for finding in tab.value("Array.from(document.querySelectorAll('.finding'), (_, at) => at)"):
            here = f"document.querySelectorAll('.finding')[{finding}]"
            assert tab.value(f"getComputedStyle({here}).breakInside") == "auto"
            shown = f"[...{here}.querySelectorAll('tbody tr')].filter(row => getComputedStyle(row).display !== 'none').length"
            assert tab.value(shown) <= html.PRINTED
    finally:
        tab.call("Emulation.setEmulatedMedia", media="")


WIDE = Table(
    (Column("finding", "code"), Column("what it is"), Column("severity"), Column("rows", "number"), Column("share", "number"),
     Column("what to do")),
    (("speaks as a model", "answers that talk of being a language model", "warning", 170, 0.129,
      "winnow curate keeps these rows. To remove them: `validate: {remove: [speaks as a model]}` in the recipe."),) * 6,
)  # fmt: skip


@pytest.mark.parametrize("scripts", [True, False])
def test_a_wide_table_fits_a_narrow_screen(tmp_path: Path, scripts: bool) -> None:
    made = Report("t", sections=(Section("s", blocks=(WIDE,)),))
    page = tmp_path / "wide.html"
    page.write_text(written.render(made) if scripts else made.to_html(), encoding="utf-8")
    with opened(page, tmp_path, width=400) as tab:
        cells = "[...document.querySelectorAll('tbody td')]"
        assert tab.value(f"Math.max(...{cells}.map(cell => cell.getBoundingClientRect().right))") <= 400
        assert tab.value("Math.max(...[...document.querySelectorAll('tbody tr')].map(row => row.offsetHeight))") < 220
        assert tab.value("document.querySelectorAll('.dt-search, .dt-info').length") == 0  # six lines need no filter
        tab.size(1280, 900)
        assert tab.value("getComputedStyle(document.querySelector('tbody tr')).display") == "table-row"


def test_printing_gives_the_picture_and_ink_on_white(tab: Tab) -> None:
    assert tab.pdf().startswith(b"%PDF")
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.value("getComputedStyle(document.querySelector('.map')).display") == "none"
    assert tab.value("getComputedStyle(document.querySelector('.picture')).display") == "block"
    tab.call("Emulation.setEmulatedMedia", media="")


def test_without_script_the_content_stands_there(page: Path, tmp_path: Path) -> None:
    # The page of a reader whose browser runs no script: nothing that needs one shows, nothing else is missing.
    text = page.read_text(encoding="utf-8", errors="surrogatepass")
    bare = tmp_path / "bare.html"
    policy = text.split("script-src ")[1].split(";")[0]
    bare.write_text(text.replace(policy, "'none'"), encoding="utf-8")
    with opened(bare, tmp_path) as tab:
        assert tab.value("typeof Bokeh") == "undefined"
        assert tab.value("document.querySelector('.map').offsetHeight") == 0
        assert tab.value("document.querySelector('.picture svg').getBoundingClientRect().height") > 200
        tab.click(".finding summary")
        assert tab.value("document.querySelector('.finding table').tBodies[0].rows.length") > 10


def test_the_maps_json_is_what_was_meant(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    inside = text.split('<script type="application/json">')[1].split("</script>")[0]
    assert "<" not in inside
    assert {"item", "colourings", "palette"} == set(json.loads(inside))
