"""Trained nets whose use of an attribute is known, and what each check says of them."""
