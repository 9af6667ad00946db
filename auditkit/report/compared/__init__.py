"""What changed between reports, as text and as a page."""
