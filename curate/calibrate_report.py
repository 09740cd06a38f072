"""A calibration as a page: what was measured, by class, the threshold and its bound, curves, reliability, the worst pairs.

report(found).write(Path("calibration.html"))
"""

from curate.calibrate import Calibration, Example
from curate.calibration.curve_plot import curves
from curate.calibration.labelled import UNRELATED
from curate.counted import counted
from curate.report import Block, Cell, Column, Fact, Figure, Note, Pair, Plot, Report, Section, Table
from curate.stats import Interval

FOUND = {
    "template variant": "told apart, and kept",
    UNRELATED: "left alone",
}


def report(found: Calibration) -> Report:
    """The calibration as a page."""
    about = found.about
    facts = (
        Fact(
            "labelled pairs",
            found.pairs,
            f"{counted(found.groups, 'group')}; {found.unlabelled:,} more without a label",
        ),
        *(
            Fact(f"AUC, {area.name}", _number(area.rule), f"plain cosine {_number(area.cosine)}")
            for area in found.areas
        ),
        Fact("threshold", about.threshold, "the rule's own, on its probability"),
    )
    sections = (
        _measured(found), _classes(found), _threshold(found), _curves(found), _reliability(found),
        _worst("Worst misses", "Pairs that say the same, and that the rule does not find.", found.misses),
        _worst("Worst false alarms", "Pairs that do not say the same, and that the rule counts as overlap.", found.alarms),
    )  # fmt: skip
    title = f"Calibration of {about.encoder_name}"
    return Report(title, f"{about.data}, {about.date}", facts, tuple(s for s in sections if s))


def _measured(found: Calibration) -> Section:
    about = found.about
    lines: list[tuple[Cell, ...]] = [
        ("encoder", about.encoder_name),
        ("its fingerprint", about.encoder),
        ("pair rule", about.rule),
        ("pairs", f"{about.data}, SHA-256 {about.sha256}"),
        ("map of its cosines", str(found.cosine_map) if found.cosine_map else "none: the rule reads them as they are"),
    ]
    blocks: list[Block] = [Table((Column(""), Column("", "code")), tuple(lines))]
    if found.false_alarms is not None:
        per_million = _per_million(found.false_alarms)
        blocks.append(Note(f"False alarms per million random pairs of other groups: {per_million}."))
    blocks += [Note(f"{note[:1].upper()}{note[1:]}.") for note in found.notes]
    return Section("What was measured", "", tuple(blocks))


def _classes(found: Calibration) -> Section:
    columns = (
        Column("labelled as"),
        Column("pairs", "number"),
        Column("groups", "number"),
        Column("recall", "number", "not measured"),
        Column("what recall counts"),
        Column("precision", "number", "none so named"),
        Column("to bear in mind"),
    )
    lines: tuple[tuple[Cell, ...], ...] = tuple(
        (
            each.name,
            each.recall.n,
            each.groups,
            _bare(each.recall),
            FOUND.get(each.name, "found as overlap"),
            _share(each.precision),
            each.note,
        )
        for each in found.classes
    )
    names = [name for name in found.confusion if any(row[name] for row in found.confusion.values())]
    confusion: tuple[tuple[Cell, ...], ...] = tuple(
        (label, *(row[name] for name in names)) for label, row in found.confusion.items() if any(row.values())
    )
    heads = (Column("labelled as"), *(Column(f"named {name}", "number") for name in names))
    blocks: list[Block] = [
        Table(columns, lines),
        Table(heads, confusion, "Labelled pairs by the name that the rule gives them"),
    ]
    if found.kinds:
        kinds = tuple((kind, it.n, _bare(it)) for kind, it in found.kinds)
        heads = (Column("kind", "text"), Column("pairs", "number"), Column("counted as overlap", "number"))
        blocks.append(Table(heads, kinds, "By the kinds that the file names"))
    text = (
        "At the rule's own threshold, which was not chosen on these pairs. Intervals are 95 % Wilson intervals. Precision is "
        "the share of the pairs so named that were labelled so (of the pairs named as one of the classes that say the same: "
        "that say the same); it depends on how many pairs of each class the file holds."
    )
    return Section("By class", text, tuple(blocks))


def _threshold(found: Calibration) -> Section:
    choice = found.choice
    said = str(choice)
    blocks: list[Block] = [Note(f"{said[:1].upper()}{said[1:]}.")]
    if choice.recall is not None and choice.alarms is not None:
        blocks.append(
            Note(
                f"Thresholds chosen in this way on four fifths of the groups find, on the other fifth, {_share(choice.recall)} "
                f"of paraphrases, and take {_share(choice.alarms)} of the pairs that do not say the same for overlap."
            )
        )
    elif choice.threshold is not None:
        blocks.append(
            Note("What it finds on other pairs is not measured: four fifths of the groups are too few to choose on.")
        )
    blocks.append(
        Note(
            f"At the rule's own threshold, {found.about.threshold:g}, at most {100 * choice.missed_most:.1f} % of paraphrases are "
            f"missed, with {100 * choice.bound.confidence:g} % confidence ({counted(choice.units, 'group')} with a paraphrase)."
        )
    )
    return Section("Threshold", "", tuple(blocks))


def _curves(found: Calibration) -> Section:
    plots: list[Block] = []
    for score in ("probability", "cosine"):
        lines = [at for at in found.table if at.score == score]
        hit = [(at.at, at.found.value) for at in lines if at.found.value is not None]
        wrong = [(at.at, at.alarms.value) for at in lines if at.alarms.value is not None]
        rows = tuple((f"{at.at:g}", _share(at.found), _share(at.alarms)) for at in lines)
        columns = (Column(f"from {score}"), Column("found", "number"), Column("false alarms", "number"))
        mark = (found.about.threshold, "the rule's threshold") if score == "probability" else None
        series = {"found, of what says the same": hit, "false alarms, of all others": wrong}
        picture = curves(series, x=f"threshold on the {score}", y="share of pairs", mark=mark)
        alt = "; ".join(
            f"from {row[0]} on {_plain(row[1])} found and {_plain(row[2])} false alarms" for row in rows[::3]
        )
        plots.append(Plot(f"Found and false alarms by {score}", picture, alt, Table(columns, rows)))
    rule = found.curves[0]
    if rule.recall:
        plots.append(_precision_and_recall(found))
    if found.areas:
        heads = ("pairs", "same", "others", "rule", "plain cosine", "rule - cosine")
        kinds = [Column(heads[0]), *(Column(head, "number") for head in heads[1:])]
        rows_: tuple[tuple[Cell, ...], ...] = tuple(
            (a.name, a.same, a.different, *map(_number, (a.rule, a.cosine, a.gain))) for a in found.areas
        )
        plots.append(Table(tuple(kinds), rows_, "Area under the ROC curve; 95 % bootstrap over groups"))
    return Section("Curves", "", tuple(plots))


def _precision_and_recall(found: Calibration) -> Plot:
    series = {each.name: list(zip(each.recall, each.precision, strict=True)) for each in found.curves}
    rows = tuple(
        (each.name, f"{at:g}", Figure(recall, unit="%"), Figure(precision, unit="%"))
        for each in found.curves
        for at, recall, precision in zip(each.at, each.recall, each.precision, strict=True)
    )
    columns = (Column("score"), Column("from"), Column("recall", "number"), Column("precision", "number"))
    picture = curves(series, x="recall", y="precision", x_percent=True)
    alt = "Precision against recall for the rule's probability and for the plain cosine; the numbers stand beside."
    return Plot("Precision and recall", picture, alt, Table(columns, rows))


def _reliability(found: Calibration) -> Section | None:
    if not found.reliability:
        return None
    points = [(each.predicted, each.observed.value) for each in found.reliability if each.observed.value is not None]
    rows = tuple(
        (f"{each.low:g} to {each.high:g}", each.observed.n, Figure(each.predicted, unit="%"), _share(each.observed))
        for each in found.reliability
    )
    heads = (
        Column("probability"),
        Column("pairs", "number"),
        Column("predicted", "number"),
        Column("said the same", "number"),
    )
    picture = curves({"observed": points}, x="predicted probability", y="said the same", diagonal=True)
    alt = "; ".join(f"{row[0]}: {_plain(row[3])} of {row[1]} pairs said the same" for row in rows)
    gap = "unknown" if found.gap is None else f"{found.gap:.3f}"
    text = (
        f"Expected calibration error {gap} (ten bins). A rule trained on one mix of pairs is off on another: what holds is the "
        "order of the pairs, and the thresholds above."
    )
    return Section("Reliability", text, (Plot("Predicted and observed", picture, alt, Table(heads, rows), open=True),))


def _worst(title: str, text: str, examples: tuple[Example, ...]) -> Section | None:
    if not examples:
        return None
    pairs = tuple(
        Pair(
            each.text_a,
            each.text_b,
            "training text",
            "eval text",
            f"{each.source}: labelled {each.label}, named {each.named}; probability {each.probability:.4f}, cosine "
            f"{each.cosine:.4f}{f'; differs in {each.differs}' if each.differs else ''}",
        )
        for each in examples
    )
    return Section(title, f"{text} The worst {len(pairs)}.", pairs, folded=True)


def _share(it: Interval) -> Figure | None:
    return Figure.of(it, "%") if it.n else None


def _bare(it: Interval) -> Figure | None:
    """The share without its n, where a column holds that."""
    return Figure(it.value, None, it.low, it.high, "%", it.confidence) if it.n else None


def _plain(cell: Figure | None) -> str:
    return cell.number if cell else "nothing"


def _number(it: Interval) -> Figure:
    return Figure(it.value, None, it.low, it.high, "", it.confidence, it.note)


def _per_million(it: Interval) -> Figure:
    value, low, high = (None if x is None else 1e6 * x for x in (it.value, it.low, it.high))
    return Figure(value, it.n, low, high, "", it.confidence)
