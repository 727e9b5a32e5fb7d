// Draws the figure and keeps its rows in step with what is in view: every second where they fit, else the least and
// the greatest value of equal stretches. `page` comes from page.py.
"use strict";

const UNKNOWN = -32768;
const STRETCHES = 1600;
const LENGTHS = [1, 2, 5, 10, 15, 30, 60];
const view = document.getElementById("day");
const clock = document.getElementById("clock");
const cross = document.getElementById("cross");
const dark = matchMedia("(prefers-color-scheme: dark)");
const themed = () => (dark.matches
  ? { "font.color": "#d0d4da" }
  : { "font.color": "#343a40" });

async function inflate(base64) {
  const packed = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Int16Array(await new Response(stream).arrayBuffer());
}

// Known values as steps (x, y) and stretches with unknown ones (ux, uy), for seconds [first, stop) of the page.
function resampled(codes, row, first, stop) {
  const wanted = (stop - first) / STRETCHES;
  const length = LENGTHS.find((n) => n >= wanted) || 60;
  const out = { x: [], y: [], ux: [], uy: [] };
  const at = (second) => page.start_ms + 1000 * second;
  let known = false, unknown = false, last = 0, i = first - (first % length);
  for (; i < stop; i += length) {
    const end = Math.min(i + length, page.seconds);
    let low = -1, high = -1, missing = false;
    for (let s = i; s < end; s++) {
      if (codes[s] === UNKNOWN) { missing = true; continue; }
      if (low < 0 || codes[s] < codes[low]) low = s;
      if (high < 0 || codes[s] > codes[high]) high = s;
      last = s;
    }
    if (low >= 0) {
      out.x.push(at(i)); out.y.push(row.offset + row.step * codes[Math.min(low, high)]);
      if (length > 1) { out.x.push(at((i + end) / 2)); out.y.push(row.offset + row.step * codes[Math.max(low, high)]); }
    } else if (known) { close(out, at(i), row, codes[last]); }
    known = low >= 0;
    if (missing && !unknown) { out.ux.push(at(i)); out.uy.push(0); }
    if (!missing && unknown) { out.ux.push(at(i), null); out.uy.push(0, null); }
    unknown = missing;
  }
  if (known) close(out, at(Math.min(i, page.seconds)), row, codes[last]);
  if (unknown) { out.ux.push(at(Math.min(i, page.seconds))); out.uy.push(0); }
  return out;
}

function close(out, x, row, code) {
  out.x.push(x, null);
  out.y.push(row.offset + row.step * code, null);
}

// Milliseconds of New York wall-clock time, as plotly writes it.
function milliseconds(x) {
  return typeof x === "number" ? x : Date.parse((x.length > 10 ? x.replace(" ", "T") : x + "T00:00") + "Z");
}

function inView() {
  const [a, b] = view.layout.xaxis.range.map(milliseconds);
  const second = (x) => Math.min(Math.max((x - page.start_ms) / 1000, 0), page.seconds);
  const first = Math.floor(second(a));
  return [first, Math.max(Math.ceil(second(b)), first + 1)];
}

// Prices and volumes fill their panels whatever part of the day is in view.
function ranges(first, stop) {
  let low = Infinity, high = -Infinity;
  for (const code of codes.slice(first, stop)) if (code !== UNKNOWN) low = Math.min(low, code);
  for (const code of codes.slice(page.seconds + first, page.seconds + stop)) high = Math.max(high, code);
  const bars = page.volume.slice(Math.floor(first / page.bar_s), Math.ceil(stop / page.bar_s));
  const found = { "yaxis2.range": [0, 1.05 * Math.max(1, ...bars)] };
  if (low <= high) {
    const { offset, step } = page.rows[0], pad = 0.04 * (high - low) * step || 0.01;
    found["yaxis.range"] = [offset + step * low - pad, offset + step * high + pad];
  }
  return found;
}

function refresh() {
  const [first, stop] = inView();
  const update = { x: [], y: [] }, traces = [];
  page.rows.forEach((row, number) => {
    if (row.trace === null) return;
    const part = codes.subarray(number * page.seconds, (number + 1) * page.seconds);
    const drawn = resampled(part, row, first, stop);
    update.x.push(drawn.x); update.y.push(drawn.y); traces.push(row.trace);
    if (row.unknown !== null) { update.x.push(drawn.ux); update.y.push(drawn.uy); traces.push(row.unknown); }
  });
  return Plotly.update(view, update, ranges(first, stop), traces);
}

// A line through all rows at the mouse, the values of that second beside it.
function crosshair(clientX) {
  const { xaxis, height } = view._fullLayout;
  const x = clientX - view.getBoundingClientRect().left - xaxis._offset;
  const second = Math.floor((xaxis.p2c(x) - page.start_ms) / 1000);
  const inside = x >= 0 && x <= xaxis._length && second >= 0 && second < page.seconds;
  cross.style.display = inside ? "block" : "none";
  clock.textContent = inside ? time(second) : "";
  if (!inside) return;
  cross.style.left = `${x + xaxis._offset}px`;
  cross.style.height = `${height}px`;
  cross.className = x > 0.85 * xaxis._length ? "left" : "";
  const shown = [label("yaxis2", `${time(second)}  ${page.volume[Math.floor(second / page.bar_s)].toLocaleString("en")} sh`)];
  page.rows.forEach((row, number) => {
    if (row.trace === null) return;
    const code = codes[number * page.seconds + second];
    const value = row.offset + row.step * code;
    shown.push(code === UNKNOWN ? label(row.axis, "unknown", "unknown") : label(row.axis, value.toFixed(row.digits)));
  });
  cross.replaceChildren(...shown);
}

function time(second) {
  return new Date(page.start_ms + 1000 * second).toISOString().slice(11, 19);
}

function label(axis, text, kind) {
  const made = document.createElement("span");
  made.textContent = text;
  made.className = kind || "";
  made.style.top = `${view._fullLayout[axis]._offset + 1}px`;
  return made;
}

let codes;
(async () => {
  codes = await inflate(page.codes);
  await Plotly.newPlot(view, page.figure.data, page.figure.layout, page.config);
  await Plotly.relayout(view, themed());
  await refresh();
  view.on("plotly_relayout", (changed) => {
    if (Object.keys(changed).some((key) => key.startsWith("xaxis"))) refresh();
  });
  view.addEventListener("mousemove", (event) => crosshair(event.clientX));
  view.addEventListener("mouseleave", () => crosshair(-1));
  dark.addEventListener("change", () => Plotly.relayout(view, themed()));
  if (page.sessions) {
    const sessions = document.getElementById("sessions");
    await Plotly.newPlot(sessions, page.sessions.data, page.sessions.layout, page.config);
    await Plotly.relayout(sessions, { "font.color": themed()["font.color"] });
  }
  document.body.dataset.drawn = "yes";
})();
