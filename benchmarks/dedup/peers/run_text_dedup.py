"""text-dedup: its MinHash command with its own defaults (250 permutations, rows under 5 words are deleted), in a temporary folder.

It writes the rows it keeps. Which rows it held for the same is read from its union-find, which is also what it keeps by.
"""

import tempfile
from collections import defaultdict
from pathlib import Path

import rows
from datasets import Dataset
from text_dedup import minhash
from text_dedup.utils import IOArgs, MetaArgs, MinHashArgs


def find(given: rows.Rows, n: int, threshold: float) -> rows.Found:
    ids, texts = given
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "rows"), Path(folder, "kept")
        Dataset.from_dict({"id": ids, "text": texts}).save_to_disk(source)
        minhash.main.callback(
            io_args=IOArgs(path=str(source), output=str(target), local=True, cache_dir=folder),
            meta_args=MetaArgs(column="text"),
            minhash_args=MinHashArgs(ngram=n, threshold=threshold),
        )
        kept = set(Dataset.load_from_disk(target)["id"])
    groups = defaultdict(list)
    for at in list(minhash.uf.parent):
        groups[minhash.uf.find(at)].append(ids[at])
    return [row for row in ids if row not in kept], [group for group in groups.values() if len(group) > 1]


if __name__ == "__main__":
    rows.main(find)
