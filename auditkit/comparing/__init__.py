"""Stored reports side by side: what changed between them."""
