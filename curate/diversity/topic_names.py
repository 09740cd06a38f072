"""Topics named by their own words and phrases, without any model, and the queries that are typical of each.

    words(queries, labels)[3]          # ("credit card", "refund", "charged")
    typical(vectors, labels, centres)  # {3: [17, 4, 230]}: places of the rows nearest to the middle of topic 3

Class-based TF-IDF (Grootendorst 2022, "BERTopic", arXiv 2203.05794): tf * ln(1 + A / f), with tf the share of a topic's
rows that hold the term, f the number of rows that hold it anywhere, A the mean over topics of the rows' terms. A row counts
a term once, so that a long document does not speak for its topic, and copies of a query count as one. Names of persons and things are left out.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import polars as pl

from curate import text
from curate.diversity.topic_tree import NOISE, Labels
from curate.topics import COMMON, FEWEST, SELDOM
from curate.windows import Vectors

LETTERS = 3  # of a word that may name a topic
READ_FOR_NAMES = 5_000  # rows, spread evenly, that tell which words are names
PHRASE = 0.5  # of the rows with a word hold it in a phrase that names the topic: then the word adds nothing
CANDIDATES = 40  # terms of a topic that are looked at once they are ranked


def words(queries: Sequence[str], labels: Sequence[int] | Labels, *, count: int = 5) -> dict[int, tuple[str, ...]]:
    """For each topic (noise apart) the words and phrases of two words that set it apart, best first; () where none does."""
    frame = pl.DataFrame({"label": pl.Series(labels, dtype=pl.Int64), "word": text.all_tokens(queries)})
    frame = frame.filter(pl.col("label") != NOISE).unique(maintain_order=True)
    rows = dict(frame.group_by("label").agg(pl.len().cast(pl.Int64)).iter_rows())
    terms = _terms(frame)
    named = _names(queries)
    total = terms.group_by("term").agg(pl.col("rows").sum().alias("everywhere"))
    mean = terms["rows"].sum() / max(1, len(rows))
    size = pl.col("label").replace_strict(rows, default=1, return_dtype=pl.Int64)
    ranked = (
        terms.join(total, on="term")
        .filter(pl.col("rows") >= pl.max_horizontal(pl.lit(FEWEST), COMMON * size))
        .with_columns(weight=(pl.col("rows") / size * (1 + mean / pl.col("everywhere")).log()).round(9))
        .sort(["label", "weight", "term"], descending=[False, True, False])
        .group_by("label", maintain_order=True)
        .head(CANDIDATES)
    )
    lines = defaultdict[int, list[tuple[str, int]]](list)
    for label, term, n in ranked.select("label", "term", "rows").iter_rows():
        if not any(part in named for part in term.split()):
            lines[label].append((term, n))
    return {topic: _best(lines[topic], count) for topic in sorted(rows)}


def _best(ranked: Sequence[tuple[str, int]], count: int) -> tuple[str, ...]:
    """The first terms that are not a part, or the plural, of one another."""
    held = dict(ranked)
    out = list[str]()
    for term, n in ranked:
        phrases = [other for other in held if " " in other and term in other.split() and held[other] >= PHRASE * n]
        if phrases and " " not in term:
            continue  # its phrase speaks for it, in its own place
        plain = {part.rstrip("s") for part in term.split()}
        if not any(plain <= {part.rstrip("s") for part in other.split()} for other in out):
            out.append(term)
        if len(out) == count:
            break
    return tuple(out)


def _terms(frame: pl.DataFrame) -> pl.DataFrame:
    """label, term, rows: in how many rows of each topic a word or phrase stands."""
    long = frame.with_row_index("row").explode("word", empty_as_null=False)
    tells = pl.col("word").str.contains(rf"^\p{{L}}{{{LETTERS},}}$") & ~pl.col("word").is_in(sorted(text.SMALL_WORDS))
    long = long.with_columns(tells=tells.fill_null(False))
    follows = (pl.col("row").shift(-1) == pl.col("row")) & pl.col("tells").shift(-1) & pl.col("tells")
    phrase = pl.when(follows).then(pl.col("word") + " " + pl.col("word").shift(-1))
    long = long.with_columns(phrase=phrase)
    single = long.filter("tells").select("label", "row", term="word")
    double = long.drop_nulls("phrase").select("label", "row", term="phrase")
    both = pl.concat([single, double]).unique()
    return both.group_by("label", "term").agg(pl.len().cast(pl.Int64).alias("rows"))


def _names(queries: Sequence[str]) -> set[str]:
    """Words that stand as a name in a good part of the rows that hold them. Not kept in the cache: it holds no texts."""
    step = max(1, -(-len(queries) // READ_FOR_NAMES))
    named, held = Counter[str](), Counter[str]()
    for said in queries[::step]:
        facts = text.facts(said)
        named.update({part for name in facts.names for part in name.split()})
        held.update(facts.words)
    return {word for word, n in named.items() if n > SELDOM * held[word]}


def typical(
    vectors: Vectors, labels: Labels, centres: Vectors, queries: Sequence[str], count: int = 3
) -> dict[int, list[int]]:
    """For each topic the places of the rows nearest to its middle, each wording once; the first place on ties."""
    out = {}
    for topic, centre in enumerate(centres):
        mine = np.flatnonzero(labels == topic)
        near = (vectors[mine] @ centre).round(5)
        chosen = dict[str, int]()
        for place in mine[np.lexsort((mine, -near))].tolist():
            chosen.setdefault(text.loose(queries[place]), place)
            if len(chosen) == count:
                break
        out[topic] = list(chosen.values())
    return out
