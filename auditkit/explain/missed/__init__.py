"""Objects that a detector misses: where in the picture its net looks at their places, beside objects that it finds."""
