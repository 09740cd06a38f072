"""What can be wrong with the answer of a row: one file per fault, put together by `curate.quality`."""
