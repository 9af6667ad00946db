"""From data to a first configuration: look, guess, ask, write."""
