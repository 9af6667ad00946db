"""Mutations of whole reports, through reading, judging and every format: only declared errors come out, soon."""

from __future__ import annotations

import contextlib
import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import auditkit as ak
from auditkit.report.formats import FORMATS, render
from auditkit.report.notebook import MOST_BYTES
from auditkit.report.terminal import print_summary
from tests.fuzz.budget import MEGABYTES, SECONDS, fuzzed
from tests.fuzz.mutations import mutated, policies, texts
from tests.limits import run


def through(name: str, text: str | bytes) -> None:
    """Read, judge, render."""
    try:
        report = ak.Report.from_json(text)
    except ak.AuditkitError:
        return
    judged = report
    with contextlib.suppress(ak.AuditkitError):
        judged = ak.judge(report, policies(name))
    for one in (report, judged):
        print_summary(one, Console(file=io.StringIO()))
        assert len(repr(one).split("\n")) == 3
        for seen in (one, *one.findings):
            assert len(seen._repr_html_().encode()) <= MOST_BYTES
        for form in FORMATS:
            with contextlib.suppress(ak.AuditkitError):
                render(one, form).encode()


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """What a case imports is no part of its budget: each child finds it loaded."""
    for name, text in texts():
        through(name, text)


@pytest.mark.fuzz
@fuzzed
@given(st.integers(0, 2**32))
def test_only_declared_errors_come_out_of_a_report(seed: int) -> None:
    rng = random.Random(seed)
    name, text = rng.choice(texts())
    changed = mutated(text, rng)
    ran = run(lambda: through(name, changed), seconds=SECONDS, megabytes=MEGABYTES)
    assert ran.error == "", f"{name}, seed {seed}: {ran.error}: {ran.message}"
