"""Which words move the scores of texts, and which make the gap between groups."""
