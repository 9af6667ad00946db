"""Mean pictures of everybody and of each group of sampled images, with the regions that are explained. No torch.

A mean is kept over ten different pictures at least, of which none counts for most, and so that no two means that are
kept differ by fewer: else one of them would show a person.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from auditkit.arrays import Floats, Ints
from auditkit.errors import EvidenceError
from auditkit.evidence.grouped import FEWEST, Recoding, withheld
from auditkit.evidence.reading import MOST_COLUMNS, MOST_GROUPS, fields, mapping, names, number, text, whole
from auditkit.evidence.sums import merged
from auditkit.explain.cases.pictures import pixels_of, png
from auditkit.records import Picture, Pictures, Region

SIDE = 56
"""Pixels of a side, at most: larger pictures are averaged over squares of pixels."""
MOST = 12
"""Groups of an attribute that have pictures, at most: the largest."""


class PictureSum(NamedTuple):
    """Σ weight · picture over some rows."""

    n: int
    """Different pictures among them."""
    w: float
    w2: float
    """Σ over different pictures of (Σ weight of the rows that show it)²."""
    total: Floats | None
    """(C, H, W); None where it is withheld."""

    @property
    def mean(self) -> Floats | None:
        """(C, H, W)."""
        return None if self.total is None else self.total / self.w

    def __add__(self, other: PictureSum) -> PictureSum:  # type: ignore[override]
        total = None if self.total is None or other.total is None else self.total + other.total
        return PictureSum(self.n + other.n, self.w + other.w, self.w2 + other.w2, total)

    def told(self, fewest: int) -> PictureSum:
        """Withheld where fewer pictures than that make it, or make most of it (Kish's effective number)."""
        enough = self.n >= fewest and self.w2 > 0 and self.w**2 / self.w2 >= fewest
        return self if enough else self._replace(total=None)


@dataclass(frozen=True)
class MeanPictures:
    """Sums of the pictures of sampled rows, thinned to at most 56 pixels a side; they add."""

    names: tuple[str, ...]
    """The features that regions are."""
    region: Ints
    """(H, W) positions in `names`."""
    everybody: PictureSum
    groups: dict[str, dict[str, PictureSum]]
    """Attribute → group."""
    low: float
    high: float
    """What is black and what is white: the least and the largest value of all means, when they were taken."""

    @classmethod
    def of(cls, names: tuple[str, ...], region: Ints, everybody: PictureSum, groups: Any) -> MeanPictures | None:
        """With the range of the means; None where nothing is told of everybody."""
        if everybody.total is None:
            return None
        found = cls(names, region, everybody, groups, 0.0, 1.0)
        means = [m for s in found._sums() if (m := s.mean) is not None]
        return replace(found, low=min(float(m.min()) for m in means), high=max(float(m.max()) for m in means))

    def _sums(self) -> Iterator[PictureSum]:
        yield self.everybody
        for of in self.groups.values():
            yield from of.values()

    def __add__(self, other: MeanPictures) -> MeanPictures:
        if self.names != other.names or not np.array_equal(self.region, other.region):
            raise EvidenceError("cannot add mean pictures with other regions")
        both = self.everybody + other.everybody
        found = MeanPictures.of(self.names, self.region, both, merged(self.groups, other.groups))
        assert found is not None, "both tell of everybody"
        return found

    def reduced(self, recoding: Recoding, fewest: int) -> MeanPictures | None:
        """Of recoded groups, without what fewer pictures make; None where that is everybody."""
        groups: dict[str, dict[str, PictureSum]] = {}
        for attribute, of in self.groups.items():
            codes = recoding.get(attribute, {})
            joined: dict[str, PictureSum] = {}
            for value, own in of.items():
                name = codes.get(value, value)
                joined[name] = joined[name] + own if name in joined else own
            few = withheld({v: s.n for v, s in joined.items()}, fewest)
            groups[attribute] = {
                v: s._replace(total=None) if v in few else s.told(fewest) for v, s in sorted(joined.items())
            }
        return MeanPictures.of(self.names, self.region, self.everybody.told(fewest), groups)

    def exhibit(self) -> Pictures:
        """What a page draws: everybody first, then the groups that have a picture."""
        height, width = self.region.shape
        sums = [({}, self.everybody), *(({a: v}, s) for a, of in self.groups.items() for v, s in of.items())]
        return Pictures(
            title="Mean pictures, and the regions that are explained",
            width=width,
            height=height,
            regions=tuple(Region(name=n, boxes=boxes(self.region == j)) for j, n in enumerate(self.names)),
            pictures=tuple(Picture(group=g, n=s.n, png=self._png(m)) for g, s in sums if (m := s.mean) is not None),
        )

    def _png(self, mean: Floats) -> str:
        span = self.high - self.low
        grey = np.clip(np.rint(255 * (mean - self.low) / span), 0, 255) if span > 0 else np.zeros_like(mean)
        return base64.b64encode(png(np.moveaxis(grey, 0, 2).astype(np.uint8))).decode()

    def to_json(self) -> dict[str, Any]:
        """As JSON: each mean is a picture of eight bits a channel."""

        def written(s: PictureSum) -> dict[str, Any]:
            return {"n": s.n, "w": s.w, "w2": s.w2, "png": "" if (m := s.mean) is None else self._png(m)}

        high, low = np.divmod(self.region, 256)
        coded = np.stack([high, low, np.zeros_like(low)], axis=2).astype(np.uint8)
        assert self.everybody.total is not None
        return {
            "names": list(self.names),
            "shape": list(self.everybody.total.shape),
            "region": base64.b64encode(png(coded)).decode(),
            "low": self.low,
            "high": self.high,
            "everybody": written(self.everybody),
            "groups": {a: {v: written(s) for v, s in of.items()} for a, of in self.groups.items()},
        }

    @classmethod
    def from_json(cls, data: object) -> MeanPictures:
        """From `to_json`, to eight bits; EvidenceError for what cannot be."""
        what = "the mean pictures"
        found = fields(data, what, "names", "shape", "region", "low", "high", "everybody", "groups")
        known = names(found["names"], f"names of {what}", most=100 * MOST_COLUMNS)
        channels, height, width = _shape(found["shape"])
        low, high = number(found["low"], f"low of {what}"), number(found["high"], f"high of {what}")
        if high < low:
            raise EvidenceError(f"{what} end below where they begin")
        coded = _pixels(found["region"], (height, width, 3), "the regions").astype(np.int64)
        region = 256 * coded[..., 0] + coded[..., 1]
        if region.max() >= len(known):
            raise EvidenceError(f"{what} have a region without a name")

        def read(value: object) -> PictureSum:
            own = fields(value, "a mean picture", "n", "w", "w2", "png")
            w, w2 = (number(own[k], f"{k} of a mean picture", low=0.0) for k in ("w", "w2"))
            if own["png"] == "":
                return PictureSum(whole(own["n"], "n of a mean picture"), w, w2, None)
            grey = _pixels(own["png"], (height, width, channels), "a mean picture")
            mean = low + np.moveaxis(grey, 2, 0) / 255 * (high - low)
            return PictureSum(whole(own["n"], "n of a mean picture"), w, w2, mean * w)

        groups = {
            text(a, "an attribute"): {
                text(v, "a group"): read(s) for v, s in mapping(of, f"groups of {what}", most=MOST_GROUPS).items()
            }
            for a, of in mapping(found["groups"], f"attributes of {what}", most=MOST_COLUMNS).items()
        }
        everybody = read(found["everybody"])
        if everybody.total is None or everybody.w <= 0:
            raise EvidenceError(f"{what} tell nothing of everybody")
        return cls(known, region, everybody, groups, low, high)


def _shape(value: object) -> tuple[int, int, int]:
    if not isinstance(value, list) or len(value) != 3 or value[0] not in (1, 3):
        raise EvidenceError("the shape of the mean pictures is not one of one or three channels, height and width")
    height, width = (whole(v, "a side of the mean pictures", low=1, high=SIDE) for v in value[1:])
    return int(value[0]), height, width


def _pixels(value: object, shape: tuple[int, int, int], what: str) -> Any:
    written = text(value, what, most=8 * SIDE * SIDE)
    try:
        return pixels_of(base64.b64decode(written, validate=True), shape)
    except (ValueError, binascii.Error):
        raise EvidenceError(f"{what} cannot be read as a picture of {shape[0]} by {shape[1]} pixels") from None


def thinned(pictures: Floats) -> Floats:
    """(N, C, H, W) averaged over squares of pixels, so that no side is longer than 56.

    >>> thinned(np.arange(112.0).reshape(1, 1, 1, 112))[0, 0, 0, :2]
    array([0.5, 2.5])
    """
    step = -(-max(pictures.shape[2:]) // SIDE)
    out = pictures
    for axis in (2, 3):
        starts = np.arange(0, out.shape[axis], step)
        size = np.diff(np.append(starts, out.shape[axis])).reshape([-1 if a == axis else 1 for a in range(4)])
        out = np.add.reduceat(out, starts, axis=axis) / size
    return out


def thinned_regions(region: Ints) -> Ints:
    """(H, W) the region in the middle of each square."""
    step = -(-max(region.shape) // SIDE)
    down, across = (np.minimum(np.arange(0, n, step) + step // 2, n - 1) for n in region.shape)
    out: Ints = region[np.ix_(down, across)]
    return out


def boxes(where: Any) -> tuple[tuple[int, int, int, int], ...]:
    """(H, W) of true and false as rectangles (x, y, width, height) that cover what is true, each pixel once.

    >>> boxes(np.array([[1, 1, 0], [1, 1, 1]], bool))
    ((0, 0, 2, 1), (0, 1, 3, 1))
    """
    open_: dict[tuple[int, int], int] = {}
    done: list[tuple[int, int, int, int]] = []
    for y in range(where.shape[0] + 1):
        edges = np.flatnonzero(np.diff(np.r_[0, where[y], 0])) if y < where.shape[0] else np.zeros(0, int)
        runs = {(int(a), int(b)) for a, b in edges.reshape(-1, 2)}
        for a, b in [run for run in open_ if run not in runs]:
            done.append((a, start := open_.pop((a, b)), b - a, y - start))
        for run in runs:
            open_.setdefault(run, y)
    return tuple(sorted(done, key=lambda box: (box[1], box[0])))


def apart(shown: Mapping[Any, Any], new: Any, fewest: int) -> bool:
    """Whether a set of rows, (N,) of true and false, differs from each that is shown by none or by so many rows."""
    return all((differing := int((new != rows).sum())) == 0 or differing >= fewest for rows in shown.values())


def least_told(labels: Mapping[str, Any], pictures: int, fewest: int = FEWEST) -> Iterator[tuple[str, str, Any]]:
    """(attribute, group, (N,) its rows) for groups whose mean may be kept beside those before it, and that of all."""
    shown: dict[Any, Any] = {None: np.ones(pictures, bool)}
    for attribute, label in labels.items():
        label = np.asarray(label, object)
        counts = {g: int((label == g).sum()) for g in sorted(set(label))}
        few = withheld(counts, fewest)
        largest = sorted(counts, key=lambda g: (-counts[g], g))[:MOST]
        for group in counts:
            rows = label == group
            if group in largest and group not in few and apart(shown, rows, fewest):
                shown[attribute, group] = rows
                yield attribute, group, rows
