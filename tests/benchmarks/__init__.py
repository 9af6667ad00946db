"""Speed, as ratios in one run: `make bench`. No test asserts on time."""
