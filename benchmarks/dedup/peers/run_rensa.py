"""rensa: sketches of runs of words, as its README has it: rows go into a deduplicator in turn, and it says which to keep.

For which row's sake a row went is asked afterwards, and is not in the figures.
"""

import rows
from rensa import CMinHashDeduplicator, RMinHashDeduplicator


def find(given: rows.Rows, sketch: str, n: int, threshold: float) -> rows.Found:
    if sketch == "R":
        dedup = RMinHashDeduplicator(threshold=threshold, num_perm=128, use_lsh=True)
    else:
        dedup = CMinHashDeduplicator(threshold=threshold, num_perm=128)
    ids, texts = given
    kept = dedup.add_pairs((row, rows.words(text, n)) for row, text in zip(ids, texts, strict=True))
    removed = [(row, text) for row, text, keep in zip(ids, texts, kept, strict=True) if not keep]

    def groups() -> list[list[str]]:
        twins = dedup.get_duplicate_sets([rows.words(text, n) for _, text in removed])
        return rows.stars((twin, row) for (row, _), some in zip(removed, twins, strict=True) for twin in some)

    return [row for row, _ in removed], groups


if __name__ == "__main__":
    rows.main(find)
