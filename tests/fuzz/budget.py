"""How much is tried: `make fuzz` says so; hypothesis settings and limits of one case."""

import os

from hypothesis import HealthCheck, settings

CASES = int(os.environ.get("AUDITKIT_FUZZ", "100"))
SECONDS, MEGABYTES = 5.0, 1_000
"""Nothing that is handed in may take more, of one core or of memory."""

fuzzed = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
