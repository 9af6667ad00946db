"""Trust checks: may an explanation be believed? One table of what is tested, with the limits."""

from typing import NamedTuple

from auditkit.catalogue.metric import shown


class Threshold(NamedTuple):
    """One line of the table: a check, its limit, and what a failure means."""

    id: str
    name: str
    tests: str
    """What it tests, in plain words."""
    limit: float | None
    """None: yes or no, a limit that each run sets, or shown without one."""
    failure: str
    """What a failure means, for whoever reads the explanation."""
    at_least: bool = False
    """True where `limit` is the smallest value allowed."""
    blocking: bool = True
    """False: a failure is a caution; the explanation itself holds."""
    source: str = "ours"
    unsure: str = ""
    """What it means that the interval of the value holds the limit; of checks that are decided by one."""


TABLE = (
    Threshold(
        "T0", "preflight", "may anything be said of this net: eval mode, no randomness, rows independent, gradients",
        None, "nothing about single rows can be measured", source="ours; it blocks the audit",
    ),
    Threshold(
        "T1", "completeness", "do the contributions add up to the score difference that they explain",
        0.05, "the contributions do not add up: they explain another score",
        source="Sundararajan, Taly & Yan (2017)",
    ),
    Threshold(
        "T2", "refinement", "do the contributions stay when the path is cut twice as finely",
        0.05, "too few steps: the contributions still move",
    ),
    Threshold(
        "T3", "baseline sensitivity", "is the ranking the same from other starting points",
        0.7, "the ranking depends on the starting point: do not act on one ranking", at_least=True, blocking=False,
        source="Sturmfels, Lundberg & Lee (2020); Vigna (2015)",
        unsure="it is not sure whether the ranking depends on the starting point",
    ),
    Threshold(
        "T4", "model randomisation", "do nets with random weights get other contributions",
        0.3, "the explanation hardly depends on what the net has learned", source="Adebayo et al. (2018)",
    ),
    Threshold(
        "T5", "max-sensitivity", "do the contributions stay when a row moves by 2% of a standard deviation",
        0.5, "the contributions of single rows are unstable: read no single row", blocking=False,
        source="Yeh et al. (2019)",
    ),
    Threshold(
        "T6", "infidelity", "do the contributions predict what taking columns away does, better than mixed-up ones and "
        "not more than twice as badly as the best that add up",
        None, "the contributions do not predict what the columns do", source="Yeh et al. (2019)",
        unsure="it is not sure that the contributions predict what the columns do",
    ),
    Threshold(
        "T7", "deletion and insertion", "does the ranking move the score faster than random rankings do",
        0.0, "the ranking is no better than a random one", at_least=True,
        source="Petsiuk, Das & Saenko (2018); Rong et al. (2022)",
    ),
    Threshold(
        "T8", "agreement of methods", "do other methods name the same leading columns",
        0.5, "methods disagree: do not act on one ranking", at_least=True, blocking=False,
        source="Krishna et al. (2022)", unsure="it is not sure whether methods agree",
    ),
    Threshold(
        "T9", "known answers", "is an effect that we plant in the net found, exactly and nowhere else",
        1e-4, "a known effect is not found where it is",
    ),
    Threshold("T10", "uncertainty", "would other rows name the same leading columns", None, "", at_least=True,
              source="Efron (1979)"),
    Threshold("T11", "parity of quality", "is the explanation as good for every group", None, "",
              source="Balagopalan et al. (2022); Dai et al. (2022)"),
    Threshold(
        "T12", "single columns", "is each column's contribution what taking that column away does, on average over "
        "which others are there, but for what columns do together",
        0.65, "the contributions of a column are not what taking it away does",
        unsure="it is not sure that the contributions of each column are what taking it away does",
    ),
)  # fmt: skip
"""Every check, in the order in which it is shown. Limits are ours."""

THRESHOLDS: dict[str, Threshold] = {t.id: t for t in TABLE}


def described(t: Threshold) -> str:
    """A line of the table as a sentence.

    >>> described(THRESHOLDS["T2"])
    'T2 refinement: do the contributions stay when the path is cut twice as finely? At most 0.05.'
    """
    bound = "" if t.limit is None else f" At {'least' if t.at_least else 'most'} {t.limit:g}."
    return f"{t.id} {t.name}: {t.tests}?{bound}{'' if t.blocking else ' A failure is a caution.'}"


METRICS = (
    shown(
        name="trust_checks",
        title="Trust checks of explanations, T0–T12",
        plain="can the explanation be believed",
        definition="\n".join(described(t) for t in TABLE),
        formula="in the docstrings of auditkit.explain.trust.findings; limits as above, the same for every model",
        denominator_words="at most 256 rows of the sample (T1 and T10: all of them)",
        reference="; ".join(dict.fromkeys(t.source for t in TABLE if not t.source.startswith("ours"))),
        oracle="explanations that are wrong by construction fail, right ones pass",
        interval="t over the rows where T6–T8, T11 and T12 compare; bootstrap of the rows for T3 and T10",
        unit="number",
    ),
)
