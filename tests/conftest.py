"""Hypothesis without deadlines (the machine may be busy), and with the same examples every time."""

from hypothesis import settings

settings.register_profile("auditkit", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("auditkit")
