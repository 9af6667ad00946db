// The page is complete without this script. It moves thresholds, sorts and filters tables, copies links, gives tables as
// CSV, marks the current section, and switches light and dark. It asks nothing of any network and stores nothing.
"use strict";

// ---- numbers, as Python writes and computes them (auditkit/formatting.py, auditkit/stats)

// One decimal, two decimals: ties go to the even digit, as in Python.
function one(x) { return (x % 1 === .25 ? x - .01 : x).toFixed(1); }
function two(x) { return (x * 4 % 2 === .5 ? x - .001 : x).toFixed(2); }

// A whole number of tenths (points, percent) or hundredths (ratios) as text; u: 0 points, 1 percent, 2 ratio.
function written(v, u, bare) {
  if (v === null) return "–";
  const text = u === 2 ? (v / 100).toFixed(2) : (v / 10).toFixed(1) + (u === 1 && !bare ? "%" : "");
  return text.replace("-", "−");
}
function span(low, high, u) {
  if (low === null || high === null) return "";
  return written(low, u, 1) + (Math.min(low, high) < 0 ? " to " : "–") + written(high, u, 1);
}
function whole(x, u) { return Math.round(u === 2 ? two(x) * 100 : one(100 * x) * 10); }

// Wilson: [rate, lower limit, upper limit].
function wilson(k, n, z) {
  const p = k / n, scale = 1 + z * z / n, centre = (p + z * z / (2 * n)) / scale;
  const half = z * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / scale;
  return [p, k ? Math.max(centre - half, 0) : 0, k < n ? Math.min(centre + half, 1) : 1];
}
// Newcombe: size of the difference, with its limits.
function gap(a, b) {
  const d = a[0] - b[0], low = d - Math.hypot(a[0] - a[1], b[2] - b[0]), high = d + Math.hypot(a[2] - a[0], b[0] - b[1]);
  return [Math.abs(d), Math.max(0, low, -high), Math.min(1, Math.max(-low, high))];
}
// MOVER-R: the ratio of the smaller to the larger rate, with its limits.
function ratioLow(a, b) {
  if (!a[0]) return 0;
  const c = a[0] * b[0], l = a[1] * (2 * a[0] - a[1]);
  return l / (c + Math.sqrt(Math.max(c * c - l * b[2] * (2 * b[0] - b[2]), 0)));
}
function ratio(a, b) {
  const r = a[0] / b[0], low = ratioLow(a, b), high = 1 / ratioLow(b, a);
  const up = high < 1 ? high : low > 1 ? 1 / low : 1;
  return [Math.min(r, 1 / r), Math.min(low, 1 / high, up), up];
}
// Cells: true negatives, false positives, false negatives, true positives; a mask has a bit for each.
function counted(cells, mask) { return cells.reduce((sum, n, i) => sum + (mask >> i & 1 ? n : 0), 0); }
// A rule with a threshold a group: [value, low, high], or null. c: masks, kind of comparison, limit, z, fewest.
function compared(c, groups) {
  const all = c[2] ? groups : [groups[0].map((n, i) => n + groups[1][i])];
  const n = all.map(g => counted(g, c[1]));
  if (n.some(x => x < (c[2] ? Math.max(1, c[5]) : 1))) return null;
  const found = all.map((g, i) => wilson(counted(g, c[0]), n[i], c[4]));
  const out = c[2] ? (c[2] === 1 ? gap : ratio)(...found) : found[0];
  return out[0] === out[0] ? out : null;
}
// The gate's law: f, i or p, n where there is no value.
function judged(e, limit, most, point) {
  if (!e) return "n";
  const beyond = x => most ? x > limit : x < limit;
  if (point) return beyond(e[0]) ? "f" : "p";
  const ends = most ? [e[1], e[2]] : [e[2], e[1]];
  return beyond(ends[0]) ? "f" : beyond(ends[1]) ? "i" : "p";
}

// ---- tables

function numeric(text) {
  const found = /^[<>≤≥~]?\s*(−?[\d,]*\.?\d+)/.exec(text);
  return found ? parseFloat(found[1].replace(/,/g, "").replace("−", "-")) : NaN;
}
// Numbers first, then words, then what is not there.
function order(a, b) {
  const x = numeric(a), y = numeric(b);
  if (x === x || y === y) return x === x && y === y ? x - y : x === x ? -1 : 1;
  const none = t => t === "" || t === "–";
  return none(a) - none(b) || (a < b ? -1 : a > b ? 1 : 0);
}
// A field of CSV: numbers plain, nothing that a spreadsheet takes for a formula.
function field(text) {
  let t = text.replace(/\s+/g, " ").trim();
  if (/^−?[\d,]*\.?\d+%?$/.test(t)) t = t.replace("−", "-").replace(/,/g, "");
  else if (/^[=+\-@]/.test(t)) t = "'" + t;
  return t.includes('"') || t.includes(",") ? '"' + t.replaceAll('"', '""') + '"' : t;
}
function csv(rows) { return "\ufeff" + rows.map(r => r.map(field).join(",") + "\r\n").join(""); }

// ---- the page

function all(what, where) { return [...(where || document).querySelectorAll(what)]; }
function made(tag, text, name) {
  const e = document.createElement(tag);
  if (text) e.textContent = text;
  if (name) e.className = name;
  if (tag === "button") e.type = "button";
  return e;
}

function explore(figure) {
  const d = JSON.parse(figure.querySelector("script").textContent), get = s => figure.querySelector(s);
  const steps = d.p.length, sliders = all("input[type=range]", figure), each = get("input[type=checkbox]");
  const boxes = all(".x-box", figure), heads = all(".x-head", figure), items = all(".x-rules li", figure);
  const curves = get(".x-curves"), select = get("select"), say = get("[aria-live]"), names = sliders.map(s => s.previousSibling);
  for (const g of d.g) for (const k of "ft") for (let i = 1, a = g[k]; i < steps; i++) a[i] = a[i - 1] - a[i];
  const summed = (a, last = 0) => a.map(x => x === null ? x : last += x);
  for (const e of d.e) e[0] = summed(e[0]);
  for (const g of d.g) if (g.x) g.x = summed(g.x);
  for (const r of d.r) for (const k of "vlh") r[k] = summed(r[k]);
  const cells = (g, i) => [g.n[0] - g.f[i], g.f[i], g.n[1] - g.t[i], g.t[i]];
  const apart = () => each && each.checked, at = j => +sliders[apart() ? j : 0].value;
  const groups = () => d.g.map((g, j) => cells(g, at(j)));
  const share = (c, m) => { const n = counted(c, m[1]); return n ? one(100 * (counted(c, m[0]) / n)) + "%" : "–"; };
  // What the thresholds come to over all groups; two of them decide people, rightly or not.
  const comes = () => {
    if (!apart()) return d.e.map(([a, u, words]) => `${written(a[at(0)], u)} ${words}`).join(", ");
    const sum = groups().reduce((a, b) => a.map((n, i) => n + b[i]));
    return `${share(sum, [9, 15])} ${d.e[0][2]}`;
  };
  // [value, low, high] as whole numbers, and the state, of a rule where the sliders stand.
  const told = r => {
    if (!apart()) return [r.v, r.l, r.h, r.s].map(x => x[at(0)]);
    const e = r.c && compared(r.c, groups());
    return [...(e || [null, null, null]).map(x => x === null ? x : whole(x, r.u)), r.c ? judged(e, r.c[3], r.b, r.d) : "n"];
  };
  const show = () => {
    boxes.forEach((box, j) => {
      const x = 100 * at(j < d.g.length ? j : 0) / (steps - 1) + "%", line = box.querySelector(".x-at"), veil = box.querySelector(".x-veil");
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
      if (veil) veil.setAttribute("width", x);
    });
    groups().forEach((c, j) => all("span b", heads[j]).forEach((b, k) => { b.textContent = d.m[k] ? share(c, d.m[k]) : written(d.g[j].x[at(j)], 2); }));
    items.forEach((li, k) => {
      const r = d.r[k], [v, low, high, s] = told(r);
      li.querySelector("use").setAttribute("href", "#s-" + d.k[s][0]);
      li.querySelector(".sr").textContent = d.k[s][1];
      li.querySelector("span b").textContent = written(v, r.u);
      li.querySelector("i").textContent = span(low, high, r.u);
    });
    sliders.forEach((s, j) => {
      const p = d.p[at(j)];
      s.setAttribute("aria-valuetext", p);
      names[j].lastChild.textContent = p;
    });
  };
  const speak = () => {
    const i = at(0), name = j => heads[j].firstChild.textContent;
    if (apart()) {
      const sold = groups().map(c => share(c, d.m[0]));
      say.textContent = `${name(0)} from ${d.p[i]}, ${name(1)} from ${d.p[at(1)]}: ${sold[0]} and ${sold[1]} selected; ${comes()}.${d.r.every(r => r.c) ? "" : " Rules without a value are not computed here."}`;
      return;
    }
    const count = s => d.r.filter(r => r.s[i] === s).length, n = d.r.length;
    const states = ["p", "f", "i", "n"].map((s, k) => [count(s), d.w[2 + k]]).filter(([x], k) => k < 3 || x);
    const rules = n ? `of ${n} rule${n > 1 ? "s" : ""} ${states.map(x => x.join(" ")).join(", ")}; ` : "";
    const open = d.o[i] ? ` Up to ${d.o[i].toLocaleString("en")} ${d.u} may stand on its other side.` : "";
    say.textContent = `${d.w[i === d.t ? 1 : 0]} ${d.p[i]}: ${rules}${comes()}.${open}`;
  };
  const both = () => { show(); speak(); };
  const draw = k => {
    const r = d.r[k], box = get(".x-gap"), top = r.y[0], down = v => 100 - 100 * Math.min(1, Math.max(0, v / top));
    const point = (v, i) => `${Math.round(1000 * i / (steps - 1))} ${Math.round(2 * down(v))}`;
    const runs = keep => {
      const out = [];
      for (let i = 0, open = 0; i < steps; i++) {
        const fits = keep(i);
        if (fits && !open) out.push([]);
        if (fits) out[out.length - 1].push(i);
        open = fits;
      }
      return out;
    };
    const to = is => is.map(i => point(r.h[i], i)).concat([...is].reverse().map(i => point(r.l[i], i)));
    box.querySelector(".x-line").setAttribute("d", runs(i => r.v[i] !== null).map(is => "M" + is.map(i => point(r.v[i], i)).join(" ")).join(""));
    box.querySelector(".x-band").setAttribute("d", runs(i => r.l[i] !== null && r.h[i] !== null).map(is => `M${to(is).join(" ")}z`).join(""));
    const limit = down(r.y[1]), zone = box.querySelector(".x-zone"), line = box.querySelector(".limit");
    zone.setAttribute("y", (r.b ? limit : 0) + "%");
    zone.setAttribute("height", (r.b ? 100 - limit : limit) + "%");
    ["y1", "y2"].forEach(y => line.setAttribute(y, limit + "%"));
    all("text", box).forEach((t, i) => { t.textContent = r.y[2 + i]; });
    const said = all("text", box)[1];
    said.setAttribute("y", limit + "%");
    said.setAttribute("dy", limit < 14 ? 15 : -5);
    const label = items[k].querySelector("li > b").textContent, end = i => `${written(r.v[i], r.u)} at ${d.p[i]}`;
    box.querySelector("[role=img]").setAttribute("aria-label", `${label}: ${end(0)}, ${end(steps - 1)}; allowed: ${r.y[3]}`);
    heads[d.g.length].firstChild.textContent = label;
  };
  sliders.forEach(s => { s.addEventListener("input", show); s.addEventListener("change", speak); });
  if (each) each.addEventListener("change", () => {
    sliders[1].parentNode.hidden = !each.checked;
    curves.hidden = each.checked;
    if (select) select.parentNode.hidden = each.checked;
    sliders[1].value = sliders[0].value;
    names[0].firstChild.textContent = each.checked ? heads[0].firstChild.textContent + " " : "Threshold ";
    both();
  });
  get(".x-slide button").addEventListener("click", () => {
    sliders.forEach(s => { s.value = d.s; });
    both();
  });
  if (select) {
    items.forEach(li => select.append(new Option(li.querySelector("li > b").textContent)));
    select.selectedIndex = d.c;
    select.addEventListener("change", () => draw(select.selectedIndex));
  }
  get(".x-slide").hidden = false;
}

function sortable(table) {
  const head = table.tHead && table.tHead.rows[0], body = table.tBodies[0];
  if (!head || !body || body.rows.length < 3 || all("[colspan],[rowspan],[scope=rowgroup],.blank", table).length) return;
  if ([...head.cells].some(c => c.scope !== "col")) return;
  [...head.cells].forEach((cell, i) => {
    if (cell.querySelector("a")) return;
    const button = made("button");
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener("click", () => {
      const sign = cell.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      [...head.cells].forEach(c => c.removeAttribute("aria-sort"));
      cell.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const text = row => row.cells[i].textContent.trim();
      body.append(...[...body.rows].sort((a, b) => sign * order(text(a), text(b))));
    });
  });
  if (body.rows.length <= 12) return;
  const label = made("label", "Filter these rows", "filter"), input = made("input"), found = made("span");
  input.type = "search";
  found.setAttribute("role", "status");
  label.append(input);
  input.addEventListener("input", () => {
    const asked = input.value.toLowerCase(), rows = [...body.rows];
    rows.forEach(r => { r.hidden = !r.textContent.toLowerCase().includes(asked); });
    found.textContent = ` ${rows.filter(r => !r.hidden).length} of ${rows.length} rows`;
  });
  const place = table.closest(".scroll") || table;
  place.before(label);
  label.after(found);
}

function tools(figure) {
  const row = made("div", "", "tools"), table = figure.querySelector("table"), link = made("button", "Copy link");
  link.addEventListener("click", () => {
    const address = location.href.split("#")[0] + "#" + figure.id, say = text => { link.textContent = text; };
    location.hash = figure.id;
    if (navigator.clipboard) navigator.clipboard.writeText(address).then(() => say("Link copied"), () => say("Link in the address bar"));
    else say("Link in the address bar");
  });
  row.append(link);
  if (table) {
    const give = made("button", "CSV");
    give.addEventListener("click", () => {
      const rows = [...table.rows].map(r => [...r.cells].map(c => c.textContent)), a = made("a");
      a.href = URL.createObjectURL(new Blob([csv(rows)], { type: "text/csv" }));
      a.download = figure.id + ".csv";
      a.click();
      URL.revokeObjectURL(a.href);
    });
    row.append(give);
  }
  figure.append(row);
}

function current() {
  const links = all(".toc a"), seen = new Set();
  const parts = [...new Set(links.map(a => document.getElementById(a.hash.slice(1))))].filter(x => x);
  const end = document.querySelector("footer"), sections = parts.filter(p => p.matches("section"));
  const note = entries => {
    entries.forEach(e => { seen[e.isIntersecting ? "add" : "delete"](e.target); });
    const here = (seen.has(end) ? sections : parts.filter(p => seen.has(p))).slice(-1)[0];
    if (here) links.forEach(a => {
      const part = document.getElementById(a.hash.slice(1));
      if (part && part.contains(here)) a.setAttribute("aria-current", "true");
      else a.removeAttribute("aria-current");
    });
  };
  const watch = new IntersectionObserver(note, { rootMargin: "-10% 0px -80%" });
  parts.forEach(p => watch.observe(p));
  if (end) new IntersectionObserver(note).observe(end);
}

function theme() {
  const modes = ["auto", "light", "dark"], buttons = [];
  let mode = 0;
  const show = () => {
    if (mode) document.documentElement.dataset.theme = modes[mode];
    else delete document.documentElement.dataset.theme;
    buttons.forEach(b => { b.textContent = "Colours: " + modes[mode]; });
  };
  all(".toc").forEach(toc => {
    const row = made("p", "", "theme"), button = made("button");
    button.addEventListener("click", () => { mode = (mode + 1) % 3; show(); });
    buttons.push(button);
    row.append(button);
    toc.after(row);
  });
  show();
}

if (globalThis.document) {
  all("#explorer").forEach(explore);
  all("table").forEach(sortable);
  all("figure[id]").forEach(tools);
  current();
  theme();
}
