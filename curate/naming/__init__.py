"""The parts of the finder of names: how it reads words, what it learnt, and what a person can check; put together by `curate.names`."""
