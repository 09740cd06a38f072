"""What two texts have in common and where they contradict: the rooms behind `curate.pairs`."""
