"""May an explanation be believed? T0 to T12."""
