"""What each layer knows of an attribute, and what the net uses of it."""
