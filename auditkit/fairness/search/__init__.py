"""Whom does the model treat worst? Conjunctions of columns, found and confirmed."""
