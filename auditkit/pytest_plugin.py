"""`pytest --auditkit auditkit.toml`: one test item a rule. Nothing but pytest is imported before a file is named."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from auditkit.records import Demand, Report, Rule, Verdict


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("auditkit", "rules of a fairness policy as tests (auditkit)")
    group.addoption(
        "--auditkit",
        metavar="FILE",
        action="append",
        default=[],
        help="auditkit.toml, or a pyproject.toml with [tool.auditkit]: audit once, and make each rule a test; "
        "a configuration given as an argument does the same",
    )


def pytest_configure(config: pytest.Config) -> None:
    for given, path in _named(config).items():
        if not path.is_file():
            raise pytest.UsageError(f"--auditkit {given}: no such file")
        if given not in config.args:
            config.args.append(given)


def _named(config: pytest.Config) -> dict[str, Path]:
    """What `--auditkit` names, as it was given → where it is."""
    return {given: config.invocation_params.dir / given for given in config.getoption("--auditkit")}


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A configuration that was named, by the option or as an argument; a policy's file that lies about is no test."""
    if file_path.suffix != ".toml":
        return None
    named = {path.resolve() for path in _named(parent.config).values()}
    if parent.session.isinitpath(file_path) or file_path.resolve() in named:
        return Policy.from_parent(parent, path=file_path)
    return None


class Policy(pytest.File):
    """A configuration with a policy: its rules are tests."""

    def collect(self) -> Iterator[pytest.Item]:
        import auditkit as ak
        from auditkit.records import demands

        try:
            config = ak.load_config(self.path)
            rules = config.policy.for_features(config.data.features if config.data else ()).rules
        except ak.AuditkitError as e:
            raise self.CollectError(f"auditkit: {e}") from None
        if config.data is None or not rules:
            missing = "[data]" if config.data is None else "[[rule]]"
            raise self.CollectError(f"auditkit: {self.path.name} has no {missing}: nothing to test")
        for rule in rules:
            yield RuleItem.from_parent(self, name=rule.id, rule=rule)
        for demand in [d for floor in config.policy.floors for d in demands(floor)]:
            yield RequiredItem.from_parent(self, name=f"required: {demand.need} {demand.name}", demand=demand)

    def report(self) -> tuple[Report, Path]:
        """The judged report, and where its page lies: made once, also where many processes share the tests."""
        made: dict[Path, tuple[Report, Path]] = self.config.stash.setdefault(_MADE, {})
        if self.path not in made:
            made[self.path] = _audited(self.path, self.config)
        return made[self.path]


_MADE: pytest.StashKey[dict[Path, Any]] = pytest.StashKey()


class RuleItem(pytest.Item):
    """One rule: it passes where nothing of it stands in the way."""

    def __init__(self, *, rule: Rule, **asked: Any) -> None:
        super().__init__(**asked)
        self.rule = rule

    def runtest(self) -> None:
        assert isinstance(self.parent, Policy)
        report, page = self.parent.report()
        from auditkit.report.failing import told

        mine = [v for v in report.verdicts if v.rule.id == self.rule.id or v.rule.id.startswith(f"{self.rule.id}[")]
        blocking = [v for v in mine if v.blocks]
        if blocking:
            raise NotMet("\n\n".join(told(report, v, page=str(page)) for v in blocking))
        for v in mine:
            if v.statuses != {"pass"}:
                self.warn(RuleWarning(_line(v)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What is not met, without a traceback; likewise a mistake in the configuration."""
        from auditkit.errors import AuditkitError

        if isinstance(excinfo.value, NotMet | AuditkitError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, (self.rule.line or 1) - 1, self.rule.id  # a preset's rule stands on no line of its own


class RequiredItem(RuleItem):
    """One thing that an organisation requires: it passes where it was assessed, or nothing of it stands in the way."""

    def __init__(self, *, demand: Demand, **asked: Any) -> None:
        super(RuleItem, self).__init__(**asked)
        self.demand = demand

    def runtest(self) -> None:
        assert isinstance(self.parent, Policy)
        report, page = self.parent.report()
        from auditkit.report.required import line, told

        for r in report.required:
            if (r.need, r.what, r.source) == (self.demand.need, self.demand.what, self.demand.source) and not r.met:
                if r.blocks:
                    raise NotMet(told(r, page=str(page)))
                self.warn(RuleWarning(line(r)))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, 0, self.name


class NotMet(AssertionError):
    """A rule, or what is required, stands in the way."""


class RuleWarning(pytest.PytestWarning):
    """A rule is not met, and forgiven: undecided or missed as the policy allows, of severity warning, or waived."""


def _line(v: Verdict) -> str:
    from auditkit.report.verdict_words import baseline_words, waiver_words
    from auditkit.report.vocabulary import STATUS

    beside = (waiver_words(v), baseline_words(v))
    return " ".join(filter(None, (f"{v.rule.id}: {STATUS[v.status].lower()}. {v.reason}", *beside)))


def _audited(path: Path, config: pytest.Config) -> tuple[Report, Path]:
    """The audit of a configuration; of several processes one makes it, and the others read what it stored."""
    from auditkit.files import slug
    from auditkit.records import Report

    folder = _shared(config)
    if folder is None:
        report = _run(path)
        cache = getattr(config, "cache", None)  # its plugin can be switched off
        pages = cache.mkdir("auditkit") if cache else _temporary(config).mktemp("auditkit")
        return report, _page(report, pages / f"{slug(report.name)}.html")
    stem = folder / f"auditkit-{slug(str(path))}"
    stored, failed, page = (stem.with_suffix(suffix) for suffix in (".json", ".failed", ".html"))
    with _alone(stem.with_suffix(".lock")):
        if failed.exists():
            raise NotMet(failed.read_text(encoding="utf-8"))
        if stored.exists():
            return Report.load(stored), page
        try:
            report = _run(path)
            _page(report, page)
            report.save(stored)
        except BaseException as e:
            failed.write_text(f"auditkit: {e}", encoding="utf-8")
            raise
    return report, page


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time; the lock of one that was killed is free. Without POSIX each makes the audit itself."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _run(path: Path) -> Report:
    from auditkit.configured import audited, inputs
    from auditkit.gate.config import load_config

    config = load_config(path)
    return audited(config, *inputs(config), command=f"pytest --auditkit {path.name}")


def _page(report: Report, path: Path) -> Path:
    from auditkit.report.html.page import render

    path.write_text(render(report), encoding="utf-8")
    return path


def _shared(config: pytest.Config) -> Path | None:
    """A folder of all processes of one run under xdist; None where there is one process."""
    return None if getattr(config, "workerinput", None) is None else _temporary(config).getbasetemp().parent


def _temporary(config: pytest.Config) -> pytest.TempPathFactory:
    return config._tmp_path_factory  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def audit() -> Callable[..., Report]:
    """`ak.audit`, which fails the test with the message of every rule that stands in the way; else the report."""

    def audited(*args: Any, **options: Any) -> Report:
        import auditkit as ak
        from auditkit.testing import complain

        report = ak.audit(*args, **{"progress": False, **options})
        complain(report)
        return report

    return audited
