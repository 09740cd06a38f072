"""Which rows go to which side: the rooms behind `curate.split`."""
