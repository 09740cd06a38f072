"""How large the audit's page is and how soon it answers: loaded, moved and searched in headless Chromium.

    python benchmarks/map/page.py                       # 25,000 invented rows, laid out at random
    python benchmarks/map/page.py --page audit.html     # a page that is there

Seconds are wall-clock from navigation: until the tables answer, until the map is drawn and answers. A move is one step of the
map by key, drawn; ten in a row.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser")]

ROWS = 25_000
WORDS = [
    "invoice",
    "refund",
    "parcel",
    "lamp",
    "garden",
    "weather",
    "printer",
    "model",
    "train",
    "sauce",
    "river",
    "novel",
]

FRAMES = """(async () => {
  const stage = document.querySelector('.stage'), times = [];
  for (let i = 0; i < 10; i++) {
    const start = performance.now();
    stage.dispatchEvent(new KeyboardEvent('keydown', {key: i % 2 ? 'ArrowLeft' : 'ArrowRight', bubbles: true, cancelable: true}));
    await new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));
    times.push(performance.now() - start);
  }
  return times;
})()"""
SEARCH = """(async () => {
  const box = document.querySelector('[data-part=search]'), start = performance.now();
  box.value = 'a'; box.dispatchEvent(new Event('input'));
  await new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));
  return performance.now() - start;
})()"""


def invented(place: Path) -> Path:
    """A page of invented rows: the map full, findings as full as they get."""
    from curate import dedup, quality
    from curate.audit import audit
    from curate.chats import chats_of
    from curate.page import audit_page, written
    from curate.page.layout import Layout

    chance = np.random.default_rng(0)
    texts = [" ".join(chance.choice(WORDS, 40)) for _ in range(ROWS)]
    answers = [" ".join(chance.choice(WORDS, 120)) if i % 50 else "" for i in range(ROWS)]
    chats = chats_of(
        {"id": f"{i:016x}", "turns": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
        for i, (q, a) in enumerate(zip(texts, answers, strict=True))
    )
    topics = np.arange(ROWS) % 50
    centres = chance.random((50, 2))
    places = np.clip(centres[topics] + chance.normal(0, 0.03, (ROWS, 2)), 0, 1).astype(np.float32)
    said = tuple(text[:120] for text in texts)
    files = tuple(f"part-{topic}.jsonl" for topic in topics)
    layout = Layout(tuple(chats["id"]), places, said, files, ROWS, 0, 120)
    outcomes = {"validate": quality.validate(chats), "exact": dedup.exact(chats)}
    broken = pl.DataFrame(schema={"source": pl.String, "reason": pl.String})
    found = audit(chats, broken, outcomes, source="invented", samples=100, mask=lambda rows: rows, layout=layout)
    page = place / "page.html"
    written.write(audit_page.report(found), page)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--page", type=Path)
    asked = parser.parse_args()
    from devtools import opened

    with tempfile.TemporaryDirectory() as folder:
        page = asked.page or invented(Path(folder))
        print(f"{page.name}: {page.stat().st_size / 1e6:.2f} MB")
        for run in range(3):
            place = Path(folder) / f"run-{run}"
            place.mkdir()
            with opened(page, place) as tab:
                tab.wait("window.Bokeh && document.documentElement.dataset.mapped")
                marks = tab.value(
                    "[performance.getEntriesByName('tables')[0].startTime, performance.getEntriesByName('map')[0].startTime]"
                )
                frames = sorted(tab.value(FRAMES))
                print(
                    f"run {run + 1}: tables after {marks[0] / 1000:.2f} s, map after {marks[1] / 1000:.2f} s; a move takes "
                    f"{frames[5]:.0f} ms (median), {frames[-1]:.0f} ms at most; a search {tab.value(SEARCH):.0f} ms"
                )


if __name__ == "__main__":
    main()
