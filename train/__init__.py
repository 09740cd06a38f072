"""Train: a certified iteration in, an adapter out."""
