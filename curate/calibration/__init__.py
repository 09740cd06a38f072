"""Labelled pairs and what is measured on them: the rooms behind `curate.calibrate`."""
