"""What was observed: evidence that adds; it knows no ethics."""
