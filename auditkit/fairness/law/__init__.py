"""The tables that laws ask for: impact ratios, and what rows of unknown group could do to them."""
