"""The parts of deduplication: what rows say, which pairs to compare, how alike they are, and which row of a star stays."""
