"""What other thresholds on the score of boxes would do: objects found, false alarms, and what rules would read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from auditkit.arrays import Floats
from auditkit.catalogue.detections import ALARMS
from auditkit.catalogue.index import METRICS
from auditkit.evidence.detected import Detected
from auditkit.evidence.stepped import Stepped
from auditkit.explorer import AlarmSteps, Explorer, GroupSteps, RuleSteps


@dataclass(frozen=True)
class DetectionSteps:
    """The counts of all scenes at other common thresholds (`check.Steps`)."""

    told: Detected
    steps: Stepped

    @property
    def threshold(self) -> Floats:
        """(P,) rising."""
        return self.steps.threshold

    def tells(self, metric: str) -> bool:
        """Recall, miss rate, and false alarms; curves are of every threshold."""
        return METRICS[metric].kind == "rate" or metric == ALARMS

    def evidence(self, i: int) -> Mapping[str, Any]:
        """The evidence of both checks at a threshold."""
        curves = replace(self.told, alarms=self.steps.alarms[i])
        return {"detection_rates": self.steps.objects[i], "detection_curves": curves}

    def explorer(self, rules: tuple[RuleSteps, ...]) -> Explorer:
        """As a record: objects are positives, all of them, and false alarms are those of scenes."""
        none = (0,) * len(self.threshold)
        counts = [t.counts(*t.by) for t in self.steps.objects]
        objects = [
            GroupSteps(
                group=dict(zip(self.told.by, group, strict=True)),
                negatives=0,
                positives=int(counts[0].table[g].sum()),
                false=none,
                true=tuple(int(c.table[g, 2, 2]) for c in counts),
                open=none,
            )
            for g, group in enumerate(counts[0].groups)
        ]
        means = [x.means(*x.by) for x in self.steps.alarms]
        scenes = [
            AlarmSteps(
                group=dict(zip(self.steps.alarms[0].by, group, strict=True)),
                scenes=int(means[0].n[g]),
                alarms=tuple(_counted(float(m.mean[g]), int(m.n[g])) for m in means),
            )
            for g, group in enumerate(means[0].groups)
        ]
        return Explorer(
            threshold=tuple(self.threshold.tolist()),
            today=self.steps.today,
            groups=tuple(objects),
            scenes=tuple(scenes),
            rules=rules,
        )


def _counted(mean: float, n: int) -> float:
    """The false alarms of n scenes: a whole number, but for the last bits of their mean."""
    found = n * mean
    return float(round(found)) if abs(found - round(found)) < 1e-6 else found
