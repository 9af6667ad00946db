"""Is it good enough? Policies and verdicts; no torch, captum, fairlearn or scipy."""
