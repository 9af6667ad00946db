"""How sure: intervals, families, power. Arrays in, arrays out."""
