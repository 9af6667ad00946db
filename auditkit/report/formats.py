"""Formats by name, and the files of a report: all of one audit, or none."""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from auditkit.errors import AuditkitError, ReportError, listing, nearest
from auditkit.evidence_files import path_of
from auditkit.records import Finding, Report
from auditkit.report import writing

if TYPE_CHECKING:
    import pandas
else:
    from auditkit.lazy import pandas


class Format(NamedTuple):
    """A format: its suffix, and the function Report → text, imported on first use."""

    suffix: str
    home: str
    """module:function; a method of `Report` is one."""
    takes: tuple[str, ...] = ()
    """What of the keywords of `render` the function takes beside the report."""


FORMATS: dict[str, Format] = {
    "html": Format(".html", "auditkit.report.html.page:render", ("full", "json_name")),
    "json": Format(".json", "auditkit.records:Report.to_json"),
    "junit": Format(".xml", "auditkit.report.junit:render"),
    "markdown": Format(".md", "auditkit.report.markdown:render"),
    "csv": Format(".csv", "auditkit.report.estimates_csv:render"),
    "metrics": Format(".metrics.json", "auditkit.report.metrics:render"),
    "github": Format(".github.txt", "auditkit.report.github:render", ("policy_file",)),
    "sarif": Format(".sarif", "auditkit.report.sarif:render", ("policy_file",)),
    "codequality": Format(".codequality.json", "auditkit.report.codequality:render", ("policy_file",)),
    "modelcard": Format(".modelcard.md", "auditkit.report.modelcard:render"),
    "cyclonedx": Format(".cdx.json", "auditkit.report.cyclonedx:render"),
    "in-toto": Format(".intoto.json", "auditkit.report.in_toto:render"),
}
"""Our formats; a new one is one line here and one function."""
GROUP = "auditkit.formats"
"""Entry point of the formats of other packages: name → `Format`."""


def formats() -> dict[str, Format]:
    """Every format, those of other packages too; names and suffixes of ours win."""
    found = {p.name: p for p in entry_points(group=GROUP) if p.name not in FORMATS}
    return {**FORMATS, **{name: _loaded(point) for name, point in found.items()}}


def _loaded(point: EntryPoint) -> Format:
    try:
        found = point.load()
    except Exception as e:
        raise ReportError(f"format '{point.name}' of {point.value} cannot be loaded: {e}") from None
    if not isinstance(found, Format) or not found.suffix.startswith("."):
        raise ReportError(f"format '{point.name}' ({point.value}) is no `Format` with a suffix")
    return found


def render(report: Report, format: str, *, full: bool = False, json_name: str = "", policy_file: str = "") -> str:
    """The report in a format; ReportError naming the nearest for an unknown one, or for parts that do not fit.

    `full` opens every fold of our page, which names the report's file `json_name`. `policy_file` is where the policy
    lies in its repository, for formats that point at its lines: a report keeps the name of the file alone.
    """
    known = _known(format)
    module, _, function = known.home.partition(":")
    asked = {"full": full, "json_name": json_name, "policy_file": policy_file}
    try:
        made = cast(Callable[..., str], operator.attrgetter(function)(importlib.import_module(module)))
        return made(report, **{name: x for name, x in asked.items() if name in known.takes})
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as e:
        if isinstance(e, AuditkitError):
            raise
        raise ReportError(
            f"the report cannot be written as {format}: its parts do not fit together ({type(e).__name__}: "
            f"{' '.join(str(e).split())[:120]})"
        ) from e


def seen(what: Report | Finding, how: str) -> str:
    """A report or a finding as somebody sees it while working, by a function of `auditkit.report.notebook`."""
    return cast(Callable[[Report | Finding], str], getattr(importlib.import_module("auditkit.report.notebook"), how))(
        what
    )


def suffixes() -> dict[str, str]:
    """Format → the suffix of its files: its own, or `.NAME` and its own where an earlier format has that already."""
    found: dict[str, str] = {}
    for name, format in formats().items():
        found[name] = f".{name}{format.suffix}" if format.suffix in found.values() else format.suffix
    return found


def paths_of(stem: Path, formats: Iterable[str]) -> dict[str, Path]:
    """Format → where it is written; ReportError naming the nearest for an unknown one."""
    asked = list(dict.fromkeys(formats))
    ends = suffixes() if any(_known(f) and f not in FORMATS for f in asked) else {f: FORMATS[f].suffix for f in asked}
    return {f: stem.with_name(f"{stem.name}{ends[f]}") for f in asked}


def save(report: Report, path: Path) -> Path:
    """Write one file in the format of its suffix, the longest that it ends with, atomically."""
    ends = suffixes()
    name = format_of(path, ends)
    if name is None:
        raise ReportError(f"no format writes '{path.suffix}'; suffixes are {listing(ends.values(), most=len(ends))}")
    writing.write(texts_of(report, {name: path}), derived=_derived(path, ends))
    return path


def texts_of(report: Report, paths: Mapping[str, Path], **told: Any) -> dict[Path, str]:
    """Path → text of a report in several formats, given as format → path, with `told` as `render` takes it.

    A report.json whose evidence that no rule asks is long has that in a second file beside it (`evidence_files`).
    """
    texts = {}
    for name, path in paths.items():
        if name != "json":
            texts[path] = render(report, name, **told)
            continue
        kept, evidence = report.parted()
        texts[path] = render(kept, name)
        if evidence:
            texts[path_of(path)] = evidence
    return texts


def format_of(path: Path, ends: Mapping[str, str] | None = None) -> str | None:
    """The format whose suffix a file ends with (`ends`: those of all, where they are known); of several the longest."""
    fitting = [(len(s), name) for name, s in (ends or suffixes()).items() if path.name.lower().endswith(s)]
    return max(fitting)[1] if fitting else None


def write(texts: Mapping[Path, str], *, force: bool = False) -> None:
    """Write all files of a report or none, and leave nothing of another audit under their name.

    A page (or JUnit) of another audit goes where its report.json is replaced; a report.json is never left beside a
    page of another audit. What is there already and is no auditkit report is overwritten only by `force`.

    Raises ReportError.
    """
    ends = suffixes() if any(map(_may_be_of_others, texts)) else {name: f.suffix for name, f in FORMATS.items()}
    second = {path_of(path) for path in texts if format_of(path, ends) == "json"}
    of_formats = {path: text for path, text in texts.items() if path not in second}
    for path, text in of_formats.items():
        home = _beside(path, "json", ends)
        if home not in texts and not force and writing.foreign_digest(home, text):
            raise ReportError(
                f"{home} is of another audit than {path.name}: choose another name, write json too, or --force"
            )
    writing.write(texts, derived=[d for path in of_formats for d in _derived(path, ends)], force=force)


def _may_be_of_others(path: Path) -> bool:
    """Whether a file may be of a format of another package, or more than it has been made: not a page of ours."""
    return path.suffix == ".json" or not any(
        path.name.endswith(f.suffix) and path.name.count(".") == f.suffix.count(".") for f in FORMATS.values()
    )


def _derived(path: Path, ends: Mapping[str, str]) -> list[Path]:
    """What was made of a report.json, and tells another story once that is replaced."""
    if format_of(path, ends) != "json":
        return []
    return [path_of(path), *(_beside(path, f, ends) for f in ends if f != "json")]


def _beside(path: Path, format: str, ends: Mapping[str, str]) -> Path:
    """The file of the same report in another format."""
    known = format_of(path, ends)
    length = len(ends[known] if known else path.suffix)
    return path.with_name(f"{path.name[: len(path.name) - length]}{ends[format]}")


def _known(format: str) -> Format:
    known = FORMATS if format in FORMATS else formats()
    if format not in known:
        raise ReportError(
            f"unknown format '{format}'; known are {listing(known, most=len(known))}.{nearest(format, known)}"
        )
    return known[format]


def numbers(report: Report) -> dict[str, float]:
    """Name → number, under names that experiment trackers take."""
    from auditkit.report.metrics import tracked

    return tracked(report)


def frame(report: Report) -> pandas.DataFrame:
    """Every finding's own estimate, and after it those of its groups: one row each; see `Report.to_frame`.

    >>> import auditkit as ak
    >>> rows = {"g": ["a", "b"] * 20, "y": [0, 1, 1, 0] * 10, "p": [0, 1, 1, 1] * 10}
    >>> data = ak.Dataset(rows, y_true="y", positive=1, sensitive_features=["g"])
    >>> frame = ak.audit(ak.Predictions("p"), data, checks=["group_fairness"]).to_frame()
    >>> gap = frame[frame.finding == "fairness/selection_rate/difference/g"]
    >>> gap[["group", "value", "n"]].values.tolist()
    [['', 0.5, 40], ['a', 0.5, 20], ['b', 1.0, 20]]
    """
    from auditkit.report import flat

    told: pandas.DataFrame = pandas.DataFrame(list(flat.rows(report)), columns=list(flat.Row._fields))
    return told.astype({"value": float, "low": float, "high": float, "level": float, "n": int, "state": str})
