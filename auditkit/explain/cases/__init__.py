"""Single rows, explained."""
