"""Each format is read by its real reader, of every report there is, and says there what the report says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditkit.records import Report
from auditkit.report.carded import cards
from auditkit.report.formats import FORMATS, render
from auditkit.report.writing import digest
from tests.integrations.reports import ROOT, every, income, many, small, waived

pytestmark = [
    pytest.mark.integrations,
    pytest.mark.filterwarnings("default"),  # those of the readers are not ours
]
POLICY = "ethics/auditkit.toml"


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return every()


def each(reports: dict[str, Report], form: str) -> Iterator[tuple[Report, str]]:
    for report in reports.values():
        yield report, render(report, form, policy_file=POLICY)


def open_of(report: Report) -> list[Any]:
    return [v for v in report.verdicts if v.statuses != {"pass"}]


def test_sarif_is_of_its_schema_and_its_tools_read_it(reports: dict[str, Report], tmp_path: Path) -> None:
    """pydantic-sarif is made of OASIS's schema, and takes no key that is not in it."""
    model = pytest.importorskip("pydantic_sarif.model").StaticAnalysisResultsFormatSarifVersion210JsonSchema
    loader = pytest.importorskip("sarif.loader")
    assert model.model_config["extra"] == "forbid"
    for report, text in each(reports, "sarif"):
        (run,) = model.model_validate_json(text).runs
        assert [r.ruleId for r in run.results] == [run.tool.driver.rules[r.ruleIndex].id for r in run.results]
        path = tmp_path / "r.sarif"
        path.write_text(text)
        records = loader.load_sarif_file(str(path)).get_records()
        assert len(records) == len(open_of(report))
        assert sum(r["Severity"] == "error" for r in records) == sum(v.blocks for v in report.verdicts)
        if report.policy is not None and report.policy.source:
            assert {r["Location"] for r in records} == {POLICY}
            assert sorted(r["Line"] for r in records) == sorted(v.rule.line or 1 for v in open_of(report))


def test_sarif_tools_see_what_is_waived_as_suppressed() -> None:
    first, second, *_ = json.loads(render(waived(), "sarif"))["runs"][0]["results"]
    assert (first["level"], first["suppressions"][0]["kind"]) == ("warning", "external")
    assert "Waived until 31 January 2027" in first["message"]["text"]
    assert "suppressions" not in second


def test_a_bill_of_materials_is_of_the_strict_schema(reports: dict[str, Report]) -> None:
    validation = pytest.importorskip("cyclonedx.validation.json")
    schema = pytest.importorskip("cyclonedx.schema")
    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
    seen = set()
    for report, text in each(reports, "cyclonedx"):
        assert validator.validate_str(text) is None
        assert render(report, "cyclonedx") == text, "the same report, the same serial number"
        seen.add(json.loads(text)["serialNumber"])
    assert len(seen) == len({digest(r) for r in reports.values()})
    broken = json.loads(text) | {"unknown": 1}
    assert validator.validate_str(json.dumps(broken)) is not None


def test_a_bill_of_materials_holds_the_numbers_of_the_report() -> None:
    card = json.loads(render(income(), "cyclonedx"))["metadata"]["component"]["modelCard"]
    told = {(m["type"], m["slice"]): m for m in card["quantitativeAnalysis"]["performanceMetrics"]}
    gap = income().finding("fairness/selection_rate/difference/gender")
    women = next(g for g in gap.by_group if g.group == {"gender": "Female"})
    metric = told["selection_rate", "women"]
    assert float(metric["value"]) == women.estimate.value
    assert {k: float(x) for k, x in metric["confidenceInterval"].items()} == {
        "lowerBound": women.estimate.low,
        "upperBound": women.estimate.high,
    }
    risks = [r["name"] for r in card["considerations"]["ethicalConsiderations"]]
    assert [r.partition(":")[0] for r in risks][: len(open_of(income()))] == [v.rule.id for v in _worst(income())]
    said = {a["harms"]: a["groupAtRisk"] for a in card["considerations"]["fairnessAssessments"]}
    clear = [x for x in said if "no gap between groups of race is established" in x]
    assert clear
    assert all("could have gone unseen" in x for x in clear)
    assert "women and men" in said.values()


def _worst(report: Report) -> list[Any]:
    order = ("fail", "inconclusive", "not_measured")
    return sorted(open_of(report), key=lambda v: order.index(v.status))


def test_a_statement_is_valid_and_names_what_was_hashed(reports: dict[str, Report]) -> None:
    statements = pytest.importorskip("in_toto_attestation.v1.statement")
    pb = pytest.importorskip("in_toto_attestation.v1.statement_pb2")
    results = pytest.importorskip("in_toto_attestation.predicates.test_result.v0.test_result_pb2")
    parse = pytest.importorskip("google.protobuf.json_format").ParseDict
    for report, text in each(reports, "in-toto"):
        told = json.loads(text)
        statements.Statement.copy_from_pb(parse(told, pb.Statement())).validate()
        result = parse(told["predicate"], results.TestResult())
        tests = [*result.passed_tests, *result.warned_tests, *result.failed_tests]
        assert len(tests) == len(report.verdicts) + len(report.required)
        assert (result.result == "FAILED") == (not report.passed)
        assert report.verdicts or result.result == "WARNED"
    told = json.loads(render(income(), "in-toto"))
    p, policy = income().provenance, income().policy
    assert policy is not None
    assert [s["digest"] for s in told["subject"]] == [
        {"auditkitWeights": p.model.sha256},
        {"sha256": p.data.file_sha256, "auditkitRows": p.data.sha256},
    ]
    assert told["predicate"]["configuration"][0]["digest"] == {"auditkitRules": policy.sha256}


def test_a_model_card_is_read_by_the_hubs_parser(reports: dict[str, Report]) -> None:
    hub = pytest.importorskip("huggingface_hub")
    for report, text in each(reports, "modelcard"):
        found = cards(report, 200)
        read = hub.ModelCard(text).data.eval_results or []
        assert len(read) == len(found.told)
        for result, c in zip(read, found.told, strict=True):
            assert (result.metric_type, result.metric_value) == (c.metric, c.estimate.value)
            assert (result.metric_args["low"], result.metric_args["high"]) == (c.estimate.low, c.estimate.high)
            assert result.metric_args["group"] == c.slice
            assert result.metric_name.startswith(f"{c.title}, {c.slice}: {c.value}")
    names = [r.metric_name for r in hub.ModelCard(render(income(), "modelcard")).data.eval_results]
    assert any(n.startswith("Selection rate, women: 8.6% (95% interval") for n in names)


def test_junit_is_read_with_its_failures(reports: dict[str, Report]) -> None:
    junitparser = pytest.importorskip("junitparser")
    for report, text in each(reports, "junit"):
        (suite,) = junitparser.JUnitXml.fromstring(text.encode())
        assert suite.failures == sum(v.blocks for v in report.verdicts) + sum(r.blocks for r in report.required)
        assert len(list(suite)) == len(report.verdicts) + len(report.required)


def test_issues_have_what_code_quality_asks_for(reports: dict[str, Report]) -> None:
    """The properties that GitLab documents, with no two issues of one fingerprint."""
    jsonschema = pytest.importorskip("jsonschema")
    text = {"type": "string", "minLength": 1}
    lines = {"type": "object", "properties": {"begin": {"type": "integer", "minimum": 1}}, "required": ["begin"]}
    place = {"type": "object", "properties": {"path": text, "lines": lines}, "required": ["path", "lines"]}
    severity = {"enum": ["info", "minor", "major", "critical", "blocker"]}
    known = {"description": text, "check_name": text, "fingerprint": text, "severity": severity, "location": place}
    issue = {"type": "object", "properties": known, "required": list(known)}
    for report, written in each(reports, "codequality"):
        told = json.loads(written)
        jsonschema.validate(told, {"type": "array", "items": issue})
        assert len({x["fingerprint"] for x in told}) == len(told) == 1 + len(open_of(report))


def test_a_report_is_of_its_schema_and_a_broken_one_is_not(reports: dict[str, Report]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((ROOT / "auditkit" / "report" / "report.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    for name, report in reports.items():
        assert next(validator.iter_errors(json.loads(report.to_json())), None) is None, name
    whole = json.loads(small().to_json())
    for key, value in {
        "schema_version": "auditkit.report/2",
        "provenance": None,
        "findings": [{"id": "x"}],
        "verdicts": [whole["verdicts"][0] | {"status": "perhaps"}],
        "more": 1,
    }.items():
        assert not validator.is_valid(whole | {key: value}), key


@pytest.mark.parametrize(
    ("form", "most"), [("sarif", 8e6), ("codequality", 1.5e6), ("github", 30e3), ("markdown", 65_536)]
)
def test_files_stay_within_what_their_places_take(form: str, most: float) -> None:
    """GitHub takes 10 MB of SARIF, compressed, and shows 5,000 results; ten annotations of a kind are shown."""
    text = render(many(), form)
    assert len(text) <= most
    assert "did not fit here" in text or "not shown here" in text


def test_markdown_of_a_card_has_its_table() -> None:
    markdown_it = pytest.importorskip("markdown_it")
    body = render(income(), "modelcard").split("\n---\n", 1)[1]
    tokens = markdown_it.MarkdownIt("commonmark").enable("table").parse(body)
    assert sum(t.type == "tr_open" for t in tokens) == 1 + len(income().verdicts)


def test_no_reader_is_loaded_by_a_format() -> None:
    readers = {
        "cyclonedx",
        "in_toto_attestation",
        "google",
        "huggingface_hub",
        "sarif",
        "junitparser",
        "jsonschema",
        "yaml",
    }
    code = (
        "import sys\nfrom auditkit.records import Report\nfrom auditkit.report.formats import FORMATS, render\n"
        "report = Report.load('reports/samples/income.json')\n"
        "for form in FORMATS: render(report, form)\n"
        f"print('LOADED', sorted({readers!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "LOADED []"
    assert set(FORMATS) >= {"sarif", "codequality", "modelcard", "cyclonedx", "in-toto", "github"}
