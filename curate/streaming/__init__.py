"""The parts of deduplication from disk to disk: rows that do not fit in memory, and the same result as if they did."""
