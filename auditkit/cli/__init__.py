"""The command line: a module a command, and what they share."""

import gc

gc.set_threshold(200_000)  # records hold no cycles: looking for them every 700 objects is a tenth of a gate's time
