"""Texts per CPU second of the shipped scorer beside Detoxify's own architectures, with random weights.

    python benchmarks/toxicity/detoxify_speed.py --data DIR

`original` is a BERT-base, `unbiased` a RoBERTa-base, `multilingual` an XLM-RoBERTa-base: 12 layers of 768 units each, built from their
published sizes. Weights are random and the vocabulary is cut to 1,000 words (a lookup costs nothing), so this says how long
they take and nothing about what they find. Token ids are MiniLM's own, folded into that vocabulary.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from measure import lines

from curate import encoder_files, toxicity

TEXTS = 96


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed beside Detoxify's architectures.")
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    import torch
    from tokenizers import Tokenizer

    torch.set_num_threads(1)
    rows = list(lines(options.data / "toxicity" / "toxicity_test.jsonl.gz"))
    hostile = [r["text"] for r in rows[:: len(rows) // 1000]]
    calm = [r["response"] for r in lines(options.data / "chat" / "dolly_15k.jsonl.gz") if r["response"]][:500]
    for name, texts in (("test posts", hostile), ("Dolly answers", calm)):
        for score in (toxicity.load("words"), toxicity.load()):
            score(texts[:20])
            began = time.process_time()
            score(texts)
            print(f"{score.name}, {name}: {len(texts) / (time.process_time() - began):,.0f} a CPU second")
    _, path = encoder_files.find(None)
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    tokenizer.no_padding()
    ids = [e.ids for e in tokenizer.encode_batch(hostile[:: len(hostile) // TEXTS][:TEXTS])]
    print(f"mean tokens of the test posts {np.mean([*map(len, ids)]):.1f}")
    for name, model in architectures().items():
        model.eval()
        with torch.inference_mode():
            model(input_ids=torch.tensor([ids[0]]) % 1000)
            began = time.process_time()
            for row in ids:  # one at a time: no padding, and on one thread batches are hardly faster
                model(input_ids=torch.tensor([row]) % 1000)
            print(
                f"Detoxify {name}, random weights, test posts: {len(ids) / (time.process_time() - began):,.1f} a CPU second"
            )


def architectures() -> dict[str, object]:
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        RobertaConfig,
        RobertaForSequenceClassification,
        XLMRobertaConfig,
        XLMRobertaForSequenceClassification,
    )

    return {
        "original (BERT-base)": BertForSequenceClassification(BertConfig(vocab_size=1000, num_labels=6)),
        "unbiased (RoBERTa-base)": RobertaForSequenceClassification(
            RobertaConfig(vocab_size=1000, num_labels=16, max_position_embeddings=514, type_vocab_size=1)
        ),
        "multilingual (XLM-RoBERTa-base)": XLMRobertaForSequenceClassification(
            XLMRobertaConfig(vocab_size=1000, num_labels=16, max_position_embeddings=514, type_vocab_size=1)
        ),
    }


if __name__ == "__main__":
    main()
