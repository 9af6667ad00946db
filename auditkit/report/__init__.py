"""Who must understand it: one function a format, from records alone."""
