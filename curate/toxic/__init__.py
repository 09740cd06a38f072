"""How a text is judged toxic: rooms of `curate.toxicity`."""
