"""The tables of the overlap benchmark, in Markdown."""

from collections.abc import Sequence

from benchmarks.overlap import baselines, pairs
from benchmarks.overlap.judging import CUTS, Bench
from curate.overlap import Rule
from curate.stats import wilson

READING = (
    "`same`: every hit is right. `variant`: the same template with other facts; the rule means to keep them. "
    "`other`: every hit is a false alarm. Shares in percent, with 95 % Wilson intervals."
)


def tables(bench: Bench) -> list[str]:
    """All tables of the page."""
    return [
        _recall_table(bench),
        _alarms_table(bench),
        _trade_off_table(bench),
    ]


def compared(benches: Sequence[Bench]) -> str:
    """What was measured, and how many pairs two precisions judge differently."""
    lines = [f"- rule {Rule().fingerprint()[:12]}: {Rule()}"]
    lines += [f"- encoder {bench.encoder}" for bench in benches]
    places = [(p.candidate, p.item) for p in benches[0].pairs]
    for other in benches[1:]:
        differ = sum(
            benches[0].judged.overlaps(p, Rule().probability) != other.judged.overlaps(p, Rule().probability)
            for p in places
        )
        said = f"{benches[0].encoder.precision} and {other.encoder.precision}"
        lines.append(f"- {said}: {differ} of {len(places):,} pairs are judged differently")
    return "\n".join(lines)


def _recall_table(bench: Bench) -> str:
    lines = [
        "### Found on labelled pairs",
        "",
        READING,
        "",
        "| label | source | kind | n | the rule | told apart as variant | cosine .5 | cosine .8 | cosine .9 | 10-gram | 13-gram |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for (source, kind, label), some in bench.groups.items():
        n = len(some)
        plain = baselines.cosines(bench.encoder, [p.candidate for p in some], [p.item for p in some])
        variants = sum(bench.judged.variant((p.candidate, p.item)) for p in some)
        shares = [f"{100 * float((plain >= cut).mean()):.1f}" for cut in (0.5, 0.8, 0.9)]
        for size in (10, 13):
            shared = sum(baselines.shares_ngram(p.candidate, p.item, size) for p in some)
            shares.append(f"{100 * shared / n:.1f}")
        said = {1: "same", None: "variant", 0: "other"}[label]
        star = "" if some[0].ok else " *"
        cells = [said, f"{source}{star}", kind, f"{n:,}", share(bench.hits(some), n), share(variants, n), *shares]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", "\\* measuring only: not part of what is shipped."])


def _alarms_table(bench: Bench) -> str:
    lines = ["### Matches among pairs that are unrelated by construction, per million, at the default threshold", ""]
    lines += ["| rows x eval items | pairs | matches | per million (95 %) |", "|---|---|---|---|"]
    for some in bench.alarms:
        star = "" if some.ok else " *"
        lines.append(
            f"| {some.name}{star} | {some.pairs:,} | {some.at[Rule().probability]} | {some.per_million(Rule().probability)} |"
        )
    return "\n".join(lines)


def _trade_off_table(bench: Bench) -> str:
    wanted = [key for key in bench.groups if key[1] not in ("verbatim", *pairs.EDITS) or key[1] == "typos"]
    lines = ["### Other thresholds: share called overlap (%), and matches per million unrelated pairs", ""]
    lines += [f"| pairs | n | {' | '.join(f'{cut:g}' for cut in CUTS)} |", f"|---|---|{'---|' * len(CUTS)}"]
    for key in wanted:
        some = bench.groups[key]
        cells = [f"{100 * bench.hits(some, cut) / len(some):.1f}" for cut in CUTS]
        lines.append(
            f"| {({1: 'same', None: 'variant', 0: 'other'})[key[2]]}: {key[0]} {key[1]} | {len(some):,} | {' | '.join(cells)} |"
        )
    for alarms in bench.alarms:
        cells = [f"{1e6 * alarms.at[cut] / alarms.pairs:.1f}" for cut in CUTS]
        lines.append(f"| per million: {alarms.name} | {alarms.pairs:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def share(hits: int, n: int) -> str:
    """A share in percent with its Wilson interval."""
    it = wilson(hits, n)
    return f"{100 * (it.value or 0):.1f} ({100 * (it.low or 0):.1f} to {100 * (it.high or 0):.1f})"
