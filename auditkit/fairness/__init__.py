"""Is it biased? Never imports torch."""
