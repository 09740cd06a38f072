"""The steps of a recipe, in their fixed order, on rows in memory: rows in, rows and the whole ledger out.

    done = run(chats, eval_files, Recipe(), models)
    done.kept, done.ledger, done.account

validate, exact, near, semantic, personal data, toxicity, exact once more, and overlap last: replacing personal data can
make two rows equal, and only what is finished can be certified.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from curate import calibrations, dedup, outcome, overlap, pii, private_names, quality, replacement, text, toxicity
from curate import chats as chat
from curate.counted import counted
from curate.detectors import Models
from curate.duplicates import found as pairs_found
from curate.duplicates import stars
from curate.duplicates.found import Found
from curate.likeness import pair_language
from curate.outcome import Outcome
from curate.overlap import EvalFile
from curate.overlap_judge import overlap_judge, overlap_rule
from curate.pairs import Judge
from curate.progress import Progress, silent
from curate.recipe import Recipe, Toxicity
from curate.replacement_styles import Invented, Style, masked, numbered
from curate.surrogates import Key


@dataclass(frozen=True)
class Step:
    """One line of the account: what a step did."""

    name: str
    rows_in: int
    removed: int
    edited: int
    overridden: int
    reasons: dict[str, int]
    seconds: float


@dataclass(frozen=True)
class Steps:
    """The rows after all steps, the whole ledger, one line per step, and the pairs behind the removed duplicates."""

    kept: pl.DataFrame
    ledger: pl.DataFrame
    account: tuple[Step, ...]
    check: overlap.Check
    notes: tuple[str, ...]
    found: Found = field(default_factory=Found)


@dataclass
class _Heard:
    """What steps say besides their outcome, gathered while they run.

    `edited`: the rows whose personal data was replaced, as they were before; `edits`: what the ledger says of it.
    """

    notes: list[str] = field(default_factory=list)
    found: Found = field(default_factory=Found)
    edited: pl.DataFrame = field(default_factory=lambda: chat.SCHEMA.to_frame())
    edits: pl.DataFrame = field(default_factory=lambda: outcome.LEDGER.to_frame())


def run(
    chats: pl.DataFrame,
    eval_files: Sequence[EvalFile],
    recipe: Recipe,
    models: Models,
    progress: Progress = silent,
    *,
    key: Key | None = None,
) -> Steps:
    """Apply the recipe's steps to a chat frame, in their fixed order. `key`: of the surrogates, where the recipe asks for them."""
    models = models.asking_for(recipe.pii.names, recipe.pii.model) if recipe.pii else models
    rows = chats
    ledgers: list[pl.DataFrame] = []
    account: list[Step] = []
    heard = _Heard()
    for name, step in _steps(recipe, models, progress, heard, key):
        rows = _apply(name, step, rows, recipe.keep, ledgers, account)
    started = time.perf_counter()
    judge, opinion = overlap_judge(recipe, models, progress)
    check = _overlap(rows, heard, eval_files, judge, recipe, models, progress)
    ledgers.append(check.outcome.ledger)
    account.append(_account("overlap", rows.height, check.outcome.ledger, time.perf_counter() - started))
    ledger = _with_fingerprints(outcome.join(ledgers), chats)
    notes = (*heard.notes, *_notes(chats, recipe, models, eval_files))
    if opinion:
        notes = (*notes, f"overlap, second opinion of {opinion.opinion.name}: {opinion.asked}")
    return Steps(check.outcome.kept, ledger, tuple(account), check, notes, heard.found)


def _notes(chats: pl.DataFrame, recipe: Recipe, models: Models, eval_files: Sequence[EvalFile]) -> tuple[str, ...]:
    """What the steps could not see, and what they left on purpose."""
    notes = []
    if recipe.toxicity:
        threshold = recipe.toxicity.threshold or models.score_toxicity.threshold
        counts = toxicity.count(toxicity.turn_scores(chats, models.score_toxicity), threshold)
        notes.append(f"toxicity, on all rows before any step: {counts}")
        if models.score_toxicity.bias:
            notes.append(f"toxicity, the scorer itself: {models.score_toxicity.bias}")
    if recipe.pii and (telling := replacement.telling_ids(chats, models.find_pii)):
        notes.append(
            f"{len(telling):,} row ids or source paths hold personal data themselves; ids are kept as they are"
        )
    if models.encoder.english_only and (foreign := _foreign(eval_files)):
        notes.append(
            f"{foreign:,} eval questions are not in English; the encoder reads English, so of them copies are found and little else"
        )
    known = calibrations.claim_for(models.encoder)
    bound = calibrations.bounded(known, recipe.overlap.max_missed)
    notes.append(f"overlap, for texts like those that were measured: {bound}")
    if not recipe.pii:
        notes.append("personal data was not looked for (the recipe leaves it out)")
    return tuple(notes)


def _foreign(eval_files: Sequence[EvalFile]) -> int:
    asked = [said for file in eval_files for said in chat.queries(file.cases)]
    return sum(pair_language.language(text.loose(said)) != "en" for said in asked)


def _near(rows: pl.DataFrame, recipe: Recipe, models: Models, heard: _Heard, progress: Progress) -> Outcome:
    """The near step; its pairs are kept, so that another threshold can be tried without comparing anything again."""
    assert recipe.near
    found, threshold = dedup.near_pairs(rows, seed=recipe.seed, progress=progress), recipe.near.threshold
    if found.beyond:
        heard.notes.append(f"near: {found}")
    checked = _checked(rows, found.pairs, recipe, models)
    heard.found = heard.found.and_also(pairs_found.of_near(rows, found, threshold, checked))
    return dedup.decide(rows, found, threshold, checked=checked)


def _semantic(rows: pl.DataFrame, recipe: Recipe, models: Models, heard: _Heard, progress: Progress) -> Outcome:
    """The semantic step; what it found besides duplicates (conflicts, templates, one answer to many questions) is noted."""
    assert recipe.semantic
    found = dedup.semantic(
        rows,
        models.encoder.encode,
        models.judge,
        threshold=recipe.semantic.threshold,
        latin_only=models.encoder.english_only,
        slack=models.encoder.slack,
        exact=models.encoder.exact().encode,
        seed=recipe.seed,
        progress=progress,
    )
    checked = _checked(rows, found.pairs, recipe, models)
    found = replace(found, _checked=checked)
    heard.notes += str(found).splitlines()
    heard.found = heard.found.and_also(pairs_found.of_semantic(rows, found, checked))
    return found.outcome


def _checked(rows: pl.DataFrame, found: pl.DataFrame, recipe: Recipe, models: Models) -> stars.Checked:
    """What the recipe's later steps will say of the rows in these pairs: of two that say the same the better one stays.

    Only rows in pairs can go, so only they are searched; the later steps find the answers in the cache.
    """
    named = rows.filter(pl.col("id").is_in(pl.concat([found["a"], found["b"]]).unique().to_list()))
    clean = frozenset[str]()
    if recipe.pii:
        clean = frozenset(named["id"]) - frozenset(pii.scan(named, models.find_pii, choose=models.choose)["row_id"])
    return stars.Checked(clean, quality.off_policy(named) | _toxic(named, recipe, models))


def _toxic(rows: pl.DataFrame, recipe: Recipe, models: Models) -> frozenset[str]:
    """The rows that the recipe's toxicity step would drop."""
    if not recipe.toxicity:
        return frozenset()
    return frozenset(_drop_toxic(rows, recipe.toxicity, models).removed["id"])


def _drop_toxic(rows: pl.DataFrame, wanted: Toxicity, models: Models, progress: Progress = silent) -> Outcome:
    return toxicity.drop(
        rows,
        models.score_toxicity,
        threshold=wanted.threshold,
        drop_toxic_queries=wanted.queries,
        progress=progress,
    )


def _overlap(
    rows: pl.DataFrame,
    heard: _Heard,
    eval_files: Sequence[EvalFile],
    judge: Judge,
    recipe: Recipe,
    models: Models,
    progress: Progress,
) -> overlap.Check:
    """The check of the rows as they are; those that were edited also as they came.

    A copy of an eval case is one whatever stands in place of its personal data, and an invented number would pass for
    another fact. Rows as they came are judged on this machine alone: a second opinion may be a server.
    """
    encode, reduced, rule = models.encoder.encode, models.encoder.reduced, overlap_rule(recipe, models.encoder)
    found = overlap.check(rows, eval_files, encode, judge, rule=rule, reduced=reduced, progress=progress)
    came = heard.edited.filter(pl.col("id").is_in(rows["id"].to_list()))
    if not came.height:
        return found
    return found.and_as_read(overlap.check(came, eval_files, encode, models.judge, rule=rule, reduced=reduced))


def _personal(
    rows: pl.DataFrame, recipe: Recipe, models: Models, key: Key | None, heard: _Heard, progress: Progress
) -> Outcome:
    assert recipe.pii
    style: Style = masked if recipe.pii.replace == "mask" else numbered
    if recipe.pii.replace == "surrogate":
        assert key, "surrogates need a key"
        style = Invented(key, across_rows=recipe.pii.same_across_rows)
    done = replacement.replace(rows, models.find_pii, progress, style=style, all_names=recipe.pii.names == "all")
    if models.choose and (own := private_names.own_names(pii.find_in_rows(rows, models.find_pii))):
        said = counted(
            len(own),
            "name that the assistant says all over the rows is",
            "names that the assistant says all over the rows are",
        )
        heard.notes.append(f"personal data: {said} taken for its own and left; `names: all` replaces every name")
    heard.edits = done.ledger.filter(~pl.col("row_id").is_in(list(recipe.keep)))
    heard.edited = rows.filter(pl.col("id").is_in(heard.edits["row_id"].to_list()))
    return done


def _exact_again(rows: pl.DataFrame, recipe: Recipe, heard: _Heard) -> Outcome:
    """Two rows that differed by a name may be one row now; rows with invented values are compared as with placeholders."""
    if not recipe.pii or recipe.pii.replace != "surrogate":
        return dedup.exact(rows, step="exact again")
    alike = replacement.replay(heard.edited, heard.edits, numbered)
    numbers = rows.select("id").join(alike, on="id", how="inner", maintain_order="left")
    seen = pl.concat([rows.filter(~pl.col("id").is_in(numbers["id"].to_list())), numbers])
    done = dedup.exact(rows.select("id").join(seen, on="id", maintain_order="left"), step="exact again")
    gone = pl.col("id").is_in(done.removed["id"].to_list())
    return Outcome(rows.filter(~gone), rows.filter(gone), done.ledger)


def _steps(
    recipe: Recipe, models: Models, progress: Progress, heard: _Heard, key: Key | None
) -> list[tuple[str, Callable[[pl.DataFrame], Outcome]]]:
    steps: list[tuple[str, Callable[[pl.DataFrame], Outcome]]] = []
    if recipe.validate_rows:
        wanted = recipe.validate_rows.remove
        steps.append(("validate", lambda rows: quality.validate(rows, wanted)))
    if recipe.exact:
        steps.append(("exact", dedup.exact))
    if recipe.near:
        steps.append(("near", lambda rows: _near(rows, recipe, models, heard, progress)))
    if recipe.semantic:
        steps.append(("semantic", lambda rows: _semantic(rows, recipe, models, heard, progress)))
    if recipe.pii:
        steps.append(("pii", lambda rows: _personal(rows, recipe, models, key, heard, progress)))
    if toxic := recipe.toxicity:
        steps.append(("toxicity", lambda rows: _drop_toxic(rows, toxic, models, progress)))
    if recipe.exact and recipe.pii:
        steps.append(("exact again", lambda rows: _exact_again(rows, recipe, heard)))
    return steps


def _apply(
    name: str,
    step: Callable[[pl.DataFrame], Outcome],
    rows: pl.DataFrame,
    keep: Sequence[str],
    ledgers: list[pl.DataFrame],
    account: list[Step],
) -> pl.DataFrame:
    started = time.perf_counter()
    done = step(rows)
    if done.kept.height + done.removed.height != rows.height:
        raise AssertionError(f"step {name} lost rows: {rows.height} in, {done}")
    done = outcome.override(done, rows, keep)
    ledgers.append(done.ledger)
    account.append(_account(name, rows.height, done.ledger, time.perf_counter() - started))
    return done.kept


def _account(name: str, rows_in: int, ledger: pl.DataFrame, seconds: float) -> Step:
    def count(action: str) -> int:
        return ledger.filter(pl.col("action") == action)["row_id"].n_unique()

    removed = ledger.filter(pl.col("action") == "removed")
    reasons = dict(removed.group_by("rule").len().sort("rule").iter_rows())
    removals, edits, overrides = (count(action) for action in ("removed", "edited", "overridden"))
    return Step(name, rows_in, removals, edits, overrides, reasons, round(seconds, 3))


def _with_fingerprints(ledger: pl.DataFrame, chats: pl.DataFrame) -> pl.DataFrame:
    """The fingerprint of each ledger row as it was read, so that `why` can tell whether the source still holds it."""
    named = chats.filter(pl.col("id").is_in(ledger["row_id"].unique().to_list()))
    prints = [chat.row_fingerprint(turns) for turns in named["turns"].to_list()]
    known = pl.DataFrame({"row_id": named["id"], "fingerprint": prints}, schema_overrides={"fingerprint": pl.String})
    joined = ledger.drop("fingerprint").join(known, on="row_id", how="left", maintain_order="left")
    return joined.select(outcome.LEDGER.names())
