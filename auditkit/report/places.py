"""The metrics that have a place of their own on the page: no file of `html/` but the first screen names one."""

from auditkit.catalogue.index import METRICS
from auditkit.records import TASK_KINDS

TRUTH = "base_rate"
"""How often the outcome is true: the section of the data."""
SHARES = "group_share"
"""Who is in the data: a profile of them takes the place of the plain table of groups."""
SELECTED = "selection_rate"
"""Who is selected: it tells the marks of two groups apart, and is crossed."""
FOUND = "true_positive_rate"
"""Of those who are of a class, who is told so."""
MISTAKEN = "mistaken_class"
"""Of those who are of a class, who is told another."""
WAY_OUT = "recourse_success"
"""Who of those refused has a way to be approved."""
FLIPPED = "flip_rate"
"""How many decisions change where only an attribute of the person is changed."""
RIGHT = "accuracy"
SIGNED = "signed_error"
"""Of predicted numbers: too much or too little."""
OFF = "mean_absolute_error"
"""How far off, whichever way."""
PREDICTED = "mean_prediction"
ERRORS = (RIGHT, "precision")
"""Of performance; all other rates stand in the section of fairness."""
PARTS = {"equalized_odds": ("true_positive_rate", "false_positive_rate")}
"""Metric → the rates whose worse gap it is."""
MOVED = (SELECTED, *PARTS["equalized_odds"])
"""What another threshold does to a group: who is selected, found, and wrongly selected."""
SEEN = ("object_recall", "miss_rate")
"""What it does to a group of objects: which are found, and which missed."""
ALARMS = "false_alarms_per_scene"
"""And beside objects: boxes on none."""
_SEVERAL = {task for task, kind in TASK_KINDS.items() if kind.several}
WHOLE = (RIGHT, "error_rate", *(n for n, m in METRICS.items() if m.tasks and _SEVERAL.issuperset(m.tasks)))
"""Of several classes: what is about all of them together."""
