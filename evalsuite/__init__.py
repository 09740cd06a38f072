"""Evaluate and compare: cases in, verdicts and comparisons out."""
