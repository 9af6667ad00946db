// The page's script outside of a page, by node's own runner: `node --test tests/report/script`. tests/report/test_script.py
// runs it on the script as a page has it, with cases that Python computed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import vm from "node:vm";

const path = process.env.AUDITKIT_SCRIPT || new URL("../../../auditkit/report/html/templates/script.js", import.meta.url);
const source = readFileSync(path, "utf8");
const js = vm.createContext({});
vm.runInContext(source, js);
const cases = process.env.AUDITKIT_CASES ? JSON.parse(readFileSync(process.env.AUDITKIT_CASES, "utf8")) : null;
const plain = x => JSON.parse(JSON.stringify(x));
const near = (found, told) => {
  if (told === null) return assert.equal(found, null);
  assert.equal(found.length, told.length);
  found.forEach((x, i) => assert.ok(Math.abs(x - told[i]) <= 1e-12, `${found} and ${told}`));
};

test("strict, and nothing that a page of ours does without", () => {
  assert.match(source, /^("use strict"|\/\/)/);
  for (const word of ["eval", "Function", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "fetch", "XMLHttpRequest",
    "WebSocket", "sendBeacon", "import", "localStorage", "sessionStorage", "cookie", "indexedDB", ".style", "setTimeout", "var"]) {
    assert.ok(!new RegExp(`(?<![\\w])${word.replace(".", "\\.")}(?![\\w])`).test(source.replace(/\/\/.*/g, "")), word);
  }
  assert.doesNotMatch(source, /[^=!]==[^=]|!=[^=]/);
});

test("numbers are written as Python writes them", { skip: cases ? false : "no cases" }, () => {
  for (const [x, one, two] of cases.decimals) assert.deepEqual([js.one(x), js.two(x)], [one, two], String(x));
  for (const [v, u, text] of cases.written) assert.equal(js.written(v, u), text);
  for (const [low, high, u, text] of cases.spans) assert.equal(js.span(low, high, u), text);
});

test("limits are those of scipy, statsmodels and auditkit", { skip: cases ? false : "no cases" }, () => {
  for (const [k, n, z, told] of cases.wilson) near(js.wilson(k, n, z), told);
  for (const [a, b, told] of cases.gaps) near(js.gap(a, b), told);
  for (const [a, b, told] of cases.ratios) near(js.ratio(a, b), told);
});

test("verdicts are those of the gate", { skip: cases ? false : "no cases" }, () => {
  for (const [e, limit, most, point, told] of cases.verdicts) assert.equal(js.judged(e, limit, most, point), told);
});

test("a rule of too few is not told", () => {
  const c = [8, 12, 1, 0.1, 1.96, 10];
  assert.equal(js.compared(c, [[5, 5, 4, 5], [50, 5, 40, 20]]), null);
  assert.equal(js.compared([8, 12, 2, 0.8, 1.96, 10], [[9, 0, 20, 0], [9, 0, 20, 0]]), null, "0/0 has no ratio");
  assert.equal(js.compared(c, [[5, 5, 5, 5], [50, 5, 40, 20]]).length, 3);
  assert.deepEqual(plain(js.compared([9, 15, 0, 0.5, 1.96, 10], [[5, 5, 5, 5], [0, 0, 0, 0]]))[0], 0.5);
});

test("rows are sorted by number, then by word, then what is not there", () => {
  const sorted = texts => [...texts].sort(js.order);
  assert.deepEqual(sorted(["–", "10.5%", "9.1%", "−3.0", "nobody to count", "1,200"]), ["−3.0", "9.1%", "10.5%", "1,200", "nobody to count", "–"]);
  assert.deepEqual(sorted(["", "b", "a"]), ["a", "b", ""]);
  assert.deepEqual(sorted(["0.50 (0.40–0.60)", "<0.001", "2 of 6"]), ["<0.001", "0.50 (0.40–0.60)", "2 of 6"]);
});

test("CSV: plain numbers, no formula, quotes where they are needed", () => {
  const told = { "−3.0": "-3.0", "1,200": "1200", "12.5%": "12.5%", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@a": "'@a", "  a \n b ": "a b" };
  for (const [text, field] of Object.entries(told)) assert.equal(js.field(text), field);
  assert.equal(js.field('say "a", b'), '"say ""a"", b"');
  assert.equal(js.field('=HYPERLINK("x","y")'), '"\'=HYPERLINK(""x"",""y"")"');
  assert.equal(js.csv([["a", "b"], ["1", "–"]]), "\ufeffa,b\r\n1,–\r\n");
});
