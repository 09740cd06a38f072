"""Hold out an eval part that has no overlap with the rest: whole groups of rows that say the same go to one side.

    done = split_files([Path("chats.jsonl")], Path("parts"), encoder.load(), Wish(cases=200))
    print(done)                     # sizes, groups, topics on both sides, what so many cases can show

What says the same is the overlap rule's word (`curate.splitting.same`): copies, near copies, paraphrases, long shared answers, and
template variants, because an eval item whose twin with other numbers was trained on is a weak item. Groups are drawn topic by
topic until there are cases enough (`curate.splitting.holdout`). Then the two sides are checked as `winnow verify` would check them
(`overlap.check`); what only this finds is put on one side, and they are checked again. The seed and the rows' content decide,
not the order of the file.

Rows that ask nothing, or hold something that the encoder cannot read, cannot be proven to be without a twin: they stay to
train on, with all that says the same, and are counted. `winnow curate` decides there what becomes of them.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from curate import calibrations, certificate, files, pairs
from curate import chats as chat
from curate.detectors import encoder_facts
from curate.encoder import Encoder
from curate.errors import BadInput, Surroundings
from curate.evalset import read_eval_files
from curate.iteration import json_text
from curate.overlap_rule import Rule
from curate.pairs import Judge
from curate.progress import Progress, silent
from curate.splitting.sides import Parts, Wish, questions, split
from curate.splitting.split_report import WRITTEN, Closest, Proof, Split
from curate.windows import Encode, Windows

__all__ = ["Parts", "Split", "Wish", "split", "split_files"]

TRAIN, EVAL, QUARANTINE, MANIFEST = WRITTEN


def split_files(
    data: Sequence[Path],
    out: Path,
    encoder: Encoder,
    wish: Wish,
    *,
    judge: Judge | None = None,
    rule: Rule | None = None,
    allow_variants: bool = False,
    seed: int = 0,
    format: str = "auto",
    progress: Progress = silent,
) -> Split:
    """Read, split, and write train.jsonl and eval.jsonl into `out`, split.json last.

    `judge` is by default the pair rule that ships with Winnow, on this encoder's vectors in full precision.
    `allow_variants`: the same question with other facts may stand on both sides. BadInput for a folder that holds
    something, Surroundings when the disk fails or what was written does not read back as what was proven.
    """
    _check_place(out)
    read = files.read(data, format=format)
    rule = replace(rule or calibrations.rule_for(encoder), remove_template_variants=not allow_variants)
    judge = judge or pairs.judge_of(rule.weights(), _held(encoder.exact().encode), _held(encoder.words))
    parts = split(
        read.chats, encoder.encode, judge, wish, rule=rule, reduced=encoder.reduced, seed=seed, progress=progress
    )
    try:
        outputs = _write(out, parts, read)
        done = _split(out, parts, read, wish, rule, seed, _made_of(encoder, read, outputs))
        files.write_text(out / MANIFEST, json_text(done.to_dict()))
    except BaseException:  # an interrupt too: a folder without split.json never happened
        _discard(out)
        raise
    return done


def _held(encode: Encode) -> Encode:
    """The same, with what it said of each text held in memory: one question is judged beside hundreds of others."""
    known: dict[str, Windows] = {}
    none: list[Windows] = []  # tells how wide a vector is

    def held(texts: Sequence[str]) -> Windows:
        missing = [said for said in dict.fromkeys(texts) if said not in known]
        if missing or not none:
            new = encode(missing)
            edges = np.searchsorted(new.text, np.arange(len(missing) + 1)).tolist()
            known.update((said, _piece(new, *edges[i : i + 2])) for i, said in enumerate(missing))
            none.append(_piece(new, 0, 0))
        each = [known[said] for said in texts]
        owner = np.repeat(np.arange(len(each), dtype=np.int32), [len(windows) for windows in each])
        vectors, start, end = (
            np.concatenate([getattr(windows, name) for windows in (none[0], *each)])
            for name in ("vectors", "start", "end")
        )
        return Windows(vectors, owner, start, end, len(each))

    return held


def _piece(windows: Windows, first: int, last: int) -> Windows:
    its = slice(first, last)
    return Windows(windows.vectors[its], windows.text[its], windows.start[its], windows.end[its], 1)


def _check_place(out: Path) -> None:
    """Before any work: is the folder new or empty, and can it be written?"""
    above = next(place for place in (out, *out.absolute().parents) if os.path.lexists(place))
    if not above.is_dir():
        raise BadInput("is a file, and a split is a folder", where=str(above), hint="another name after -o")
    if not os.access(above, os.W_OK | os.X_OK):
        raise Surroundings("nothing can be written here (read-only, or not permitted)", where=str(above))
    if above == out and any(out.iterdir()):
        raise BadInput("this folder holds files already", where=str(out), hint="another name after -o")


def _write(out: Path, parts: Parts, read: files.Read) -> dict[str, str]:
    """All files but the manifest, and their SHA-256; what is on disk must be what was proven."""
    files.write(parts.kept, out / TRAIN)
    files.write(parts.held, out / EVAL)
    if read.quarantined.height:
        files.write_quarantine(read.quarantined, out / QUARANTINE)
    again = files.read([out / TRAIN], format="messages", on_error="stop").chats
    (cases,) = read_eval_files([out / EVAL])
    for there, meant in ((again, parts.kept), (cases.cases, parts.held)):
        same = there["id"].to_list() == meant["id"].to_list() and questions(there).equals(questions(meant))
        if not same:
            raise Surroundings("what was written does not read back as it was", where=str(out))
    if chat.dataset_fingerprint(again) != chat.dataset_fingerprint(parts.kept):
        raise Surroundings("what was written does not read back as it was", where=str(out / TRAIN))
    return {name: files.sha256(out / name) for name in WRITTEN if (out / name).exists()}


def _discard(out: Path) -> None:
    with contextlib.suppress(OSError):
        for name in WRITTEN:
            (out / name).unlink(missing_ok=True)
        out.rmdir()


def _made_of(encoder: Encoder, read: files.Read, outputs: dict[str, str]) -> dict[str, Any]:
    return {
        "winnow": certificate.tool_version(),
        "encoder": encoder_facts(encoder),
        "inputs": [vars(each) for each in read.inputs],
        "outputs": outputs,
        "notes": list(read.notes),
    }


def _split(
    out: Path, parts: Parts, read: files.Read, wish: Wish, rule: Rule, seed: int, made_of: dict[str, Any]
) -> Split:
    near = parts.check.nearest.sort(["cosine", "case_id", "row_id"], descending=[True, False, False]).head(1)
    closest = [
        Closest(case, row, cosine) for case, row, cosine in near.select("case_id", "row_id", "cosine").iter_rows()
    ]
    variants = "on one side" if rule.remove_template_variants else "may stand on both sides"
    # Whether variants count is said in words beside it.
    said = replace(rule, remove_template_variants=False).thresholds()
    closest_pair = closest[0] if closest else None
    checked = (parts.check.pairs_compared, parts.rounds, parts.mended, closest_pair)
    proof = Proof(said, rule.fingerprint(), variants, *checked)
    rows = read.chats.height
    return Split(
        folder=out,
        seed=seed,
        rows=rows,
        train=parts.kept.height,
        cases=parts.held.height,
        wanted=parts.wanted,
        quarantined=read.quarantined.height,
        not_comparable=parts.not_comparable,
        groups=parts.groups,
        topics=parts.topics,
        effect=wish.effect,
        spared=wish.spared(rows) if wish.cases is None else None,
        proof=proof,
        made_of=made_of,
    )
