"""Which training rows push the gap up, and which down?"""
