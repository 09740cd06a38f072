"""semhash: cosine of static vectors through its default index. The vectors are those of `embedder`, a folder: see README.md."""

from pathlib import Path

import numpy as np
import rows
from model2vec import StaticModel
from semhash import SemHash
from tokenizers import Tokenizer


def find(given: rows.Rows, threshold: float, embedder: str) -> rows.Found:
    ids, texts = given
    # semhash knows an exact copy by its text; the id rides along.
    records = [{"id": row, "text": text} for row, text in zip(ids, texts, strict=True)]
    found = SemHash.from_records(records, columns=["text"], model=model(Path(embedder))).self_deduplicate(threshold)
    pairs = [(each.duplicate_of["id"], each.record["id"]) for each in found.filtered]
    return {row for _, row in pairs}, rows.stars(pairs)


def model(folder: Path) -> StaticModel:
    """Ours, as `static_embedder.py` wrote it, or one in model2vec's own form."""
    if not (folder / "vectors.npy").exists():
        return StaticModel.from_pretrained(str(folder))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return StaticModel(np.load(folder / "vectors.npy"), tokenizer, normalize=True)


if __name__ == "__main__":
    rows.main(find)
