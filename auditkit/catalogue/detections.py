"""What is asked of a detector of objects in scenes, in the words of COCO and of the detection of pedestrians."""

from __future__ import annotations

import math

from auditkit.catalogue.metric import Metric, Wording
from auditkit.records import Comparison

DETECTION = "detected"
"""The kind of what is made of all boxes of all scenes."""
PRECISION, MISS_RATE, ALARMS = "average_precision", "log_average_miss_rate", "false_alarms_per_scene"
COMPARED: tuple[Comparison, ...] = ("overall", "group_min", "group_max", "difference", "ratio")
"""What rules may ask of curves and false alarms."""

_COCO = "Lin et al. (2014), ECCV: Microsoft COCO"
_DOLLAR = "Dollár, Wojek, Schiele & Perona (2012), IEEE TPAMI 34:743"
_REPLICATES = (
    "variance from 500 Poisson replicates of the scenes, as Wilson's with as many objects as have it; Student's t by "
    "the effective number of scenes; gaps by MOVER with the correlation of the groups, at the studentized range"
)

METRICS = (
    Metric(
        name="object_recall",
        title="Recall",
        plain="found",
        definition="Of the objects, the share on which the detector has a box of its class, from the score on that "
        "decides.",
        formula="TP / (TP + FN), of objects; a box of IoU ≥ the first threshold finds its object",
        denominator_words="objects",
        direction="higher is better",
        reference=_COCO,
        oracle="fairlearn's true_positive_rate of the objects; pycocotools' matches",
        numerator=((1, 1),),
        denominator=((1, 0), (1, 1)),
        tasks=("detection",),
        wording=Wording(
            phrase="found, of the objects that are there",
            short="found",
            frequencies="Of objects that are there, the detector finds {them}.",
            less_often="objects are found less often among {low} than among {high}",
        ),
    ),
    Metric(
        name="miss_rate",
        title="Miss rate",
        plain="missed",
        definition="Of the objects, the share on which the detector has no box of its class, from the score on that "
        "decides.",
        formula="FN / (FN + TP) = 1 − recall, of objects",
        denominator_words="objects",
        direction="lower is better",
        reference=_DOLLAR,
        oracle="fairlearn's false_negative_rate of the objects; pycocotools' matches",
        numerator=((1, 0),),
        denominator=((1, 0), (1, 1)),
        tasks=("detection",),
        wording=Wording(
            phrase="missed, of the objects that are there",
            short="missed",
            frequencies="Of objects that are there, the detector misses {them}.",
            less_often="objects are missed more often among {high} than among {low}",
        ),
    ),
    Metric(
        name=PRECISION,
        title="Average precision (AP)",
        plain="average precision",
        definition="Precision at every recall, averaged, as the score at which boxes count falls; of several classes "
        "the mean. Of a group: objects of other groups are ignored (a box on one is neither right nor wrong), and "
        "boxes that are on no object count in every group.",
        formula="mean over 101 recalls r of max precision at recall ≥ r, and over classes; IoU ≥ the first threshold",
        denominator_words="objects",
        direction="higher is better",
        reference=_COCO,
        oracle="pycocotools 2.0: average precision of each class and IoU, and of a group with the others as crowds or "
        "ignored",
        interval=_REPLICATES,
        kind=DETECTION,
        unit="number",
        decimals=2,
        comparisons=COMPARED,
        tasks=("detection",),
    ),
    Metric(
        name=MISS_RATE,
        title="Log-average miss rate (LAMR)",
        plain="miss rate at few false alarms",
        definition="The geometric mean of the miss rates at nine rates of false alarms, from one in a hundred scenes "
        "to one a scene; of several classes the mean. Of a group as average precision is: boxes on no object count "
        "in every group.",
        formula="exp(mean of log MR(f)) over f = 10^−2, 10^−1.75, …, 10^0 false alarms a scene; MR ≥ 1e−10",
        denominator_words="objects",
        direction="lower is better",
        reference=_DOLLAR,
        oracle="a slow twin from the definition",
        interval=_REPLICATES,
        kind=DETECTION,
        unit="number",
        decimals=2,
        comparisons=COMPARED,
        tasks=("detection",),
    ),
    Metric(
        name=ALARMS,
        title="False alarms a scene",
        plain="false alarms a scene",
        definition="Boxes on no object, from the score on that decides, a scene; by what is declared of scenes.",
        formula="Σ boxes on no object / scenes",
        denominator_words="scenes",
        direction="lower is better",
        reference=_DOLLAR,
        oracle="scipy (t, Welch) of the counts of scenes; pycocotools' matches",
        interval="that of a mean: Johnson's t, corrected for skewness; gaps by MOVER, ratios by MOVER-R",
        kind=DETECTION,
        unit="number",
        decimals=2,
        limits=(0.0, math.inf),
        comparisons=COMPARED,
        tasks=("detection",),
    ),
)

ALIASES: dict[str, tuple[str, str | None]] = {
    "AP": (PRECISION, None),
    "mAP": (PRECISION, None),
    "LAMR": (MISS_RATE, None),
}
"""Other names → (metric, the comparison that the name implies)."""
