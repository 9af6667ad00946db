"""Families of values over groups: rates, composites, errors, with limits, comparisons and p-values."""
