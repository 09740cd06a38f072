"""Invented values of the same form: rooms of `curate.surrogates`."""
