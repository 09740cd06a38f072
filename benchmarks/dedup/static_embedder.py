"""A static embedder out of the default encoder, for semhash where its own default cannot be fetched.

    python benchmarks/dedup/static_embedder.py FOLDER

The published recipe of model2vec's `distill` with its defaults: each token goes through the encoder by itself, its outputs are
averaged, 256 principal components are kept, and a token weighs the less the more common it is (by its rank in the vocabulary). Done
here because this environment has torch already; in the peer's own it would be some gigabytes.
"""

import argparse
import re
import shutil
from pathlib import Path

import numpy as np

from curate import encoder_files

DIMENSIONS = 256
RARITY = 1e-4
BATCH = 1024
PLACEHOLDER = re.compile(r"\[(?:unused\d+|CLS|SEP|MASK)\]")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    make(parser.parse_args().folder)


def make(folder: Path) -> None:
    """Write `vectors.npy` (one row per token id) and `tokenizer.json`; the vectors last."""
    _, source = encoder_files.find(None)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "tokenizer.json", folder / "tokenizer.json")
    tokens, vectors = outputs(source)
    unfinished = folder / "unfinished.npy"
    real = np.array([not PLACEHOLDER.match(token) for token in tokens])
    kept = np.zeros((len(tokens), DIMENSIONS), np.float16)  # what has no meaning has no weight either
    kept[real] = components(vectors[real]) * weights(int(real.sum()))[:, None]
    np.save(unfinished, kept)
    unfinished.rename(folder / "vectors.npy")


def outputs(source: Path) -> tuple[list[str], np.ndarray]:
    """The vocabulary by id, and the mean of the encoder's outputs for each token between its start and end marks."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=True)
    model = AutoModel.from_pretrained(source, local_files_only=True).eval()
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    ids = torch.arange(len(tokens))
    first, last = (torch.full_like(ids, mark) for mark in (tokenizer.cls_token_id, tokenizer.sep_token_id))
    with torch.inference_mode():
        parts = [model(some).last_hidden_state.mean(1) for some in torch.stack([first, ids, last], 1).split(BATCH)]
    return tokens, torch.cat(parts).float().numpy()


def components(vectors: np.ndarray, count: int = DIMENSIONS) -> np.ndarray:
    """The first principal components of the rows."""
    centred = vectors - vectors.mean(0)
    values, axes = np.linalg.eigh(centred.T @ centred)
    return centred @ axes[:, np.argsort(values)[::-1][:count]]


def weights(count: int) -> np.ndarray:
    """Smooth inverse frequency by rank, where the frequency is read off the rank (Zipf)."""
    share = 1.0 / np.arange(2, count + 2)
    return RARITY / (RARITY + share / share.sum())


if __name__ == "__main__":
    main()
