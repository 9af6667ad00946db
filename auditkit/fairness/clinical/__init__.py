"""Scores that decide who is treated: net benefit, calibration at thresholds, sensitivity at a specificity, by group."""
