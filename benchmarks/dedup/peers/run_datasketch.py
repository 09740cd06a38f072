"""datasketch: MinHash of runs of words in an LSH index; a row that the index answers for is removed, any other goes into it."""

import rows
from datasketch import MinHash, MinHashLSH


def find(given: rows.Rows, n: int, threshold: float) -> rows.Found:
    index = MinHashLSH(threshold=threshold, num_perm=128)
    ids, texts = given
    tokens = ([run.encode() for run in rows.words(text, n)] for text in texts)
    pairs = []
    for row, sketch in zip(ids, MinHash.generator(tokens, num_perm=128), strict=True):
        if twins := index.query(sketch):
            pairs += [(twin, row) for twin in twins]
        else:
            index.insert(row, sketch)
    return {row for _, row in pairs}, rows.stars(pairs)


if __name__ == "__main__":
    rows.main(find)
