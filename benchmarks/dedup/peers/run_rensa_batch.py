"""rensa's batch pipeline (its fastest): sampled sketches of all rows at once, and a flag for each row that has a duplicate.

A flag says 'somewhere there is another like me'. Who filters on it loses every row of a group, the first one too; we do as the
flags say. It does not tell who is like whom.
"""

import rows
from rensa import RMinHash, RMinHashLSH


def find(given: rows.Rows, n: int, threshold: float) -> rows.Found:
    ids, texts = given
    matrix = RMinHash.digest_matrix_from_token_sets_rho([rows.words(text, n) for text in texts], 128, 42)
    flags = RMinHashLSH(threshold, 128, 8).query_duplicate_flags_matrix_one_shot(matrix)
    return [row for row, flagged in zip(ids, flags, strict=True) if flagged], None


if __name__ == "__main__":
    rows.main(find)
