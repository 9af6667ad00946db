"""auditkit: is a trained model fair, why does it decide so, and can the answers be trusted?

Evidence adds; findings are pure. `import auditkit` imports nothing else: each public name is loaded on first use.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from auditkit import demo as demo
    from auditkit import testing as testing
    from auditkit.audit import audit as audit
    from auditkit.audit import conclude as conclude
    from auditkit.audit import observe as observe
    from auditkit.comparing.compare import compare as compare
    from auditkit.disclosure import Disclosure as Disclosure
    from auditkit.errors import AuditkitError as AuditkitError
    from auditkit.errors import AuditWarning as AuditWarning
    from auditkit.errors import DataError as DataError
    from auditkit.errors import ModelError as ModelError
    from auditkit.errors import PolicyError as PolicyError
    from auditkit.errors import PolicyViolation as PolicyViolation
    from auditkit.errors import ReportError as ReportError
    from auditkit.evidence.observed import Observed as Observed
    from auditkit.evidence.tally import Tally as Tally
    from auditkit.explain.attributions.check import Attribution as Attribution
    from auditkit.explain.cases.check import Examples as Examples
    from auditkit.explain.cases.local import LocalExplanation as LocalExplanation
    from auditkit.explain.cases.local import explain as explain
    from auditkit.explain.concepts.check import Concepts as Concepts
    from auditkit.explain.gaps.check import GapAttribution as GapAttribution
    from auditkit.explain.influence.check import Influence as Influence
    from auditkit.explain.layers.check import LayerAudit as LayerAudit
    from auditkit.explain.missed.check import MissedObjects as MissedObjects
    from auditkit.explain.recourse.check import Recourse as Recourse
    from auditkit.explain.words.check import WordAttribution as WordAttribution
    from auditkit.fairness.change.check import Change as Change
    from auditkit.fairness.change.check import ClassChange as ClassChange
    from auditkit.fairness.change.numbers import RegressionChange as RegressionChange
    from auditkit.fairness.clinical.check import NetBenefit as NetBenefit
    from auditkit.fairness.groups.check import GroupFairness as GroupFairness
    from auditkit.fairness.groups.classes import ClassFairness as ClassFairness
    from auditkit.fairness.groups.conditional import ConditionalParity as ConditionalParity
    from auditkit.fairness.groups.detections import DetectionCurves as DetectionCurves
    from auditkit.fairness.groups.detections import DetectionRates as DetectionRates
    from auditkit.fairness.groups.exposure import Exposure as Exposure
    from auditkit.fairness.groups.generated import GeneratedShares as GeneratedShares
    from auditkit.fairness.groups.heterogeneity import GapHeterogeneity as GapHeterogeneity
    from auditkit.fairness.groups.matches import IdentificationRates as IdentificationRates
    from auditkit.fairness.groups.matches import MatchRates as MatchRates
    from auditkit.fairness.groups.measured import Measured as Measured
    from auditkit.fairness.groups.regression import RegressionFairness as RegressionFairness
    from auditkit.fairness.groups.written import AnswerRates as AnswerRates
    from auditkit.fairness.groups.written import PreferenceRates as PreferenceRates
    from auditkit.fairness.law.check import ImpactRatios as ImpactRatios
    from auditkit.fairness.law.check import ScoringRates as ScoringRates
    from auditkit.fairness.law.unknowns import UnknownDemographics as UnknownDemographics
    from auditkit.fairness.profile.check import DataProfile as DataProfile
    from auditkit.fairness.reweighing import reweigh as reweigh
    from auditkit.fairness.reweighing import with_reweighed as with_reweighed
    from auditkit.fairness.rows.consistency import Consistency as Consistency
    from auditkit.fairness.rows.continuous import ContinuousAttribute as ContinuousAttribute
    from auditkit.fairness.rows.proxies import Proxies as Proxies
    from auditkit.fairness.scores.check import Scores as Scores
    from auditkit.fairness.scores.mitigation import mitigate as mitigate
    from auditkit.fairness.scores.tradeoff import ErrorTradeoff as ErrorTradeoff
    from auditkit.fairness.search.check import Subgroups as Subgroups
    from auditkit.gate.config import Config as Config
    from auditkit.gate.config import load_config as load_config
    from auditkit.gate.policy import Policy as Policy
    from auditkit.inputs.dataset import Dataset as Dataset
    from auditkit.inputs.groups import segments as segments
    from auditkit.inputs.join import Join as Join
    from auditkit.inputs.loading import load_model as load_model
    from auditkit.inputs.mentions import mentions as mentions
    from auditkit.inputs.model import Model as Model
    from auditkit.inputs.pixels import pixels as pixels
    from auditkit.inputs.predictions import Predictions as Predictions
    from auditkit.inputs.source import Source as Source
    from auditkit.inputs.texts import tokens as tokens
    from auditkit.judging import judge as judge
    from auditkit.merging.merge import merge as merge
    from auditkit.planning.plan import plan as plan
    from auditkit.readers.answers import Answers as Answers
    from auditkit.readers.detections import Detections as Detections
    from auditkit.readers.generated import Generated as Generated
    from auditkit.readers.identification import Identification as Identification
    from auditkit.readers.preferences import Preferences as Preferences
    from auditkit.readers.rankings import Rankings as Rankings
    from auditkit.readers.verification import Verification as Verification
    from auditkit.records import Context as Context
    from auditkit.records import Estimate as Estimate
    from auditkit.records import Finding as Finding
    from auditkit.records import Report as Report
    from auditkit.records import Rule as Rule
    from auditkit.records import Signer as Signer
    from auditkit.records import SignOff as SignOff
    from auditkit.records import Verdict as Verdict
    from auditkit.robustness.check import FlipTest as FlipTest
    from auditkit.robustness.lexicon import swap_words as swap_words
    from auditkit.verifying import verify as verify

_HOMES = {
    "audit": "audit",
    "observe": "audit",
    "conclude": "audit",
    "Observed": "evidence.observed",
    "judge": "judging",
    "plan": "planning.plan",
    "verify": "verifying",
    "compare": "comparing.compare",
    "merge": "merging.merge",
    "Model": "inputs.model",
    "Predictions": "inputs.predictions",
    "Dataset": "inputs.dataset",
    "Source": "inputs.source",
    "Join": "inputs.join",
    "Generated": "readers.generated",
    "Detections": "readers.detections",
    "Identification": "readers.identification",
    "Rankings": "readers.rankings",
    "Answers": "readers.answers",
    "Preferences": "readers.preferences",
    "Verification": "readers.verification",
    "load_model": "inputs.loading",
    "segments": "inputs.groups",
    "tokens": "inputs.texts",
    "mentions": "inputs.mentions",
    "pixels": "inputs.pixels",
    "Tally": "evidence.tally",
    "GroupFairness": "fairness.groups.check",
    "ConditionalParity": "fairness.groups.conditional",
    "GapHeterogeneity": "fairness.groups.heterogeneity",
    "Measured": "fairness.groups.measured",
    "Consistency": "fairness.rows.consistency",
    "ContinuousAttribute": "fairness.rows.continuous",
    "Proxies": "fairness.rows.proxies",
    "Change": "fairness.change.check",
    "ClassChange": "fairness.change.check",
    "RegressionChange": "fairness.change.numbers",
    "ClassFairness": "fairness.groups.classes",
    "GeneratedShares": "fairness.groups.generated",
    "Exposure": "fairness.groups.exposure",
    "DetectionCurves": "fairness.groups.detections",
    "DetectionRates": "fairness.groups.detections",
    "IdentificationRates": "fairness.groups.matches",
    "MatchRates": "fairness.groups.matches",
    "AnswerRates": "fairness.groups.written",
    "PreferenceRates": "fairness.groups.written",
    "RegressionFairness": "fairness.groups.regression",
    "Subgroups": "fairness.search.check",
    "DataProfile": "fairness.profile.check",
    "Scores": "fairness.scores.check",
    "ErrorTradeoff": "fairness.scores.tradeoff",
    "NetBenefit": "fairness.clinical.check",
    "ImpactRatios": "fairness.law.check",
    "ScoringRates": "fairness.law.check",
    "UnknownDemographics": "fairness.law.unknowns",
    "mitigate": "fairness.scores.mitigation",
    "reweigh": "fairness.reweighing",
    "with_reweighed": "fairness.reweighing",
    "Attribution": "explain.attributions.check",
    "GapAttribution": "explain.gaps.check",
    "WordAttribution": "explain.words.check",
    "LayerAudit": "explain.layers.check",
    "Concepts": "explain.concepts.check",
    "Examples": "explain.cases.check",
    "MissedObjects": "explain.missed.check",
    "Influence": "explain.influence.check",
    "Recourse": "explain.recourse.check",
    "explain": "explain.cases.local",
    "LocalExplanation": "explain.cases.local",
    "FlipTest": "robustness.check",
    "swap_words": "robustness.lexicon",
    "Policy": "gate.policy",
    "load_config": "gate.config",
    "Config": "gate.config",
    "Disclosure": "disclosure",
    "Report": "records",
    "Context": "records",
    "SignOff": "records",
    "Signer": "records",
    "Finding": "records",
    "Estimate": "records",
    "Rule": "records",
    "Verdict": "records",
    "AuditkitError": "errors",
    "AuditWarning": "errors",
    "DataError": "errors",
    "ModelError": "errors",
    "PolicyError": "errors",
    "ReportError": "errors",
    "PolicyViolation": "errors",
}
"""Public name → the module that it lives in."""

_ROOMS = ("demo", "testing")
"""Public modules."""

__all__ = ["__version__", *_ROOMS, *_HOMES]


class _NoSuch(AttributeError):
    """A name that is none, and the nearest: looked for where somebody reads it, for imports of our modules ask, too."""

    def __str__(self) -> str:
        from auditkit.errors import nearest

        (name,) = self.args
        return f"auditkit has no '{name}'.{nearest(name, _HOMES)}"


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"auditkit.{name}")
    if name.startswith("__"):
        raise AttributeError(f"auditkit has no '{name}'.")  # asked by machines, often: nobody reads a near name
    if name not in _HOMES:
        raise _NoSuch(name)
    value = getattr(importlib.import_module(f"auditkit.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(types.ModuleType):
    """`auditkit.audit` and `auditkit.explain` are functions, also after the modules of these names were imported.

    The import system sets a submodule as an attribute of its package when it has loaded it.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOMES and isinstance(value, types.ModuleType):
            if not hasattr(value, name):
                return  # the function lives in a file of that folder: `__getattr__` loads it when it is asked for
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
