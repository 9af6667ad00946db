"""The page: one file, no script, no request."""
