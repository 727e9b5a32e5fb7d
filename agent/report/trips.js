// The list of round trips, of which only the rows in view are in the document, and their MAE and MFE as dots.
"use strict";

const list = { order: [], sort: null, down: false, active: 0, trip: -1 };
const ROW_PX = 25, SPARE = 12, PAPER_ROWS = 200;
const T = report.trips;
const when = (i) => `${report.days[T.lane[i]].date} ${DayChart.clock(T.entry_second[i])}`;
const percent = (x) => `${(100 * x).toFixed(2)} %`;
const COLUMNS = [
  { head: "entry ET", text: when, value: when },
  { head: "symbol", text: (i) => report.days[T.lane[i]].symbol },
  { head: "side", text: (i) => T.side[i] },
  { head: "shares", text: (i) => T.shares[i].toLocaleString("en-US"), value: (i) => T.shares[i], num: true },
  { head: "in", text: (i) => T.entry_price[i].toFixed(4), value: (i) => T.entry_price[i], num: true },
  { head: "out", text: (i) => T.exit_price[i].toFixed(4), value: (i) => T.exit_price[i], num: true },
  { head: "held s", text: (i) => T.held_s[i].toLocaleString("en-US"), value: (i) => T.held_s[i], num: true },
  { head: "gross", text: (i) => dollars(T.gross[i]), value: (i) => T.gross[i], num: true, sign: true },
  { head: "costs", text: (i) => dollars(-T.costs[i]), value: (i) => -T.costs[i], num: true, sign: true },
  { head: "net", text: (i) => dollars(T.pnl[i]), value: (i) => T.pnl[i], num: true, sign: true },
  { head: "MAE", text: (i) => percent(T.mae[i]), value: (i) => T.mae[i], num: true },
  { head: "MFE", text: (i) => percent(T.mfe[i]), value: (i) => T.mfe[i], num: true },
  { head: "reward", text: (i) => (T.reward[i] === null ? "-" : T.reward[i].toFixed(4)), value: (i) => T.reward[i], num: true },
  { head: "pattern", text: (i) => T.pattern[i].replaceAll("_", " ") },
  { head: "quality", text: (i) => (T.quality[i] === null ? "-" : T.quality[i].toFixed(2)), value: (i) => T.quality[i], num: true },
  { head: "closed by", text: (i) => T.closed_by[i] },
  ...(why ? [{ head: "why", text: (i) => explainedEnds(i).join(", ") }] : []),
];

function filtered() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean), result = byId("result").value;
  const found = [];
  for (let i = 0; i < T.lane.length; i++) {
    if (result === "won" ? !(T.pnl[i] > 0) : result === "lost" ? !(T.pnl[i] <= 0) : false) continue;
    if (words.length) {
      const text = `${when(i)} ${report.days[T.lane[i]].symbol} ${T.side[i]} ${T.pattern[i].replaceAll("_", " ")} ${T.closed_by[i]} ${why ? explainedEnds(i).map((end) => `why ${end}`).join(" ") : ""}`.toLowerCase();
      if (!words.every((word) => text.includes(word))) continue;
    }
    found.push(i);
  }
  if (list.sort) {
    const value = list.sort.value || list.sort.text, sign = list.down ? -1 : 1;
    const keys = new Map(found.map((i) => [i, value(i)]));
    found.sort((a, b) => {
      const x = keys.get(a), y = keys.get(b);
      return x === null ? 1 : y === null ? -1 : (x < y ? -1 : x > y ? 1 : 0) * sign || a - b;
    });
  }
  return found;
}

function relist() {
  list.order = filtered();
  list.active = Math.max(0, list.order.indexOf(list.trip));
  const net = list.order.reduce((sum, i) => sum + T.pnl[i], 0);
  byId("counted").textContent = `${list.order.length.toLocaleString("en-US")} of ${T.lane.length.toLocaleString("en-US")} round trips, ${dollars(net)} net`;
  byId("trips").setAttribute("aria-rowcount", list.order.length + 1);
  byId("trips-box").scrollTop = 0;
  drawRows();
  drawDots();
}

function drawRows(all = false) {
  const box = byId("trips-box"), body = byId("trips").tBodies[0], count = list.order.length;
  const first = all ? 0 : Math.max(0, Math.floor(box.scrollTop / ROW_PX) - SPARE);
  const stop = Math.min(count, all ? PAPER_ROWS : first + Math.ceil(box.clientHeight / ROW_PX) + 2 * SPARE);
  const pad = (rows) => {
    const tr = document.createElement("tr"), td = document.createElement("td");
    tr.className = "pad";
    tr.setAttribute("aria-hidden", "true");
    td.colSpan = COLUMNS.length;
    td.style.height = `${rows * ROW_PX}px`;
    tr.append(td);
    return tr;
  };
  const made = [];
  if (first) made.push(pad(first));
  for (let at = first; at < stop; at++) made.push(rowOf(at));
  if (stop < count) made.push(all ? said(`${(count - stop).toLocaleString("en-US")} more: trades.csv`) : pad(count - stop));
  if (!count) made.push(said("No round trip matches the filter."));
  body.replaceChildren(...made);
}

function said(text) {
  const tr = document.createElement("tr"), td = tr.insertCell();
  tr.className = "pad";
  td.colSpan = COLUMNS.length;
  td.textContent = text;
  return tr;
}

function rowOf(at) {
  const i = list.order[at], tr = document.createElement("tr");
  tr.dataset.trip = i;
  tr.id = `trip-${i}`;
  tr.setAttribute("aria-rowindex", at + 2);
  if (i === list.trip) { tr.className = "chosen"; tr.setAttribute("aria-selected", "true"); }
  for (const column of COLUMNS) {
    const td = tr.insertCell(), text = column.text(i);
    td.textContent = text;
    if (column.num) td.className = column.sign ? `num ${text[0] === "+" ? "pos" : text[0] === "-" ? "neg" : ""}` : "num";
  }
  return tr;
}

// Called by choose(): the round trip that the chart shows.
function markTrip(i) {
  if (!T.lane.length) return;
  list.trip = i;
  const at = list.order.indexOf(i);
  if (at >= 0) { list.active = at; reveal(at); }
  drawRows();
  drawDots();
}

function reveal(at) {
  const box = byId("trips-box"), top = at * ROW_PX, room = box.clientHeight - 2 * ROW_PX;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top > box.scrollTop + room) box.scrollTop = top - room;
}

function rowKeyed(event) {
  const page = Math.floor(byId("trips-box").clientHeight / ROW_PX) - 2, last = list.order.length - 1;
  const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -last, End: last };
  if (event.key === "Enter" && list.order.length && event.target.id === "trips") { openTrip(list.order[list.active]); return; }
  if (!(event.key in moves) || last < 0) return;
  event.preventDefault();
  list.active = Math.max(0, Math.min(last, list.active + moves[event.key]));
  list.trip = list.order[list.active];
  reveal(list.active);
  drawRows();
  byId("trips").setAttribute("aria-activedescendant", `trip-${list.trip}`);
}

// ---------------------------------------------------------------- MAE and MFE
const dots = { unit: "", at: [] };
const root = (x) => Math.sqrt(Math.abs(x));

function nice(most) {
  const step = 10 ** Math.floor(Math.log10(most || 1));
  return [0.1, 0.25, 0.5, 1, 2.5, 5, 10].map((k) => k * step).filter((v) => v <= most * 1.05).slice(-4);
}

function drawDots() {
  const canvas = byId("scatter"), c = canvas.getContext("2d"), ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight, style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  canvas.width = width * ratio; canvas.height = height * ratio;
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, width, height);
  const xs = T[dots.unit ? "mae_dollars" : "mae"], ys = T[dots.unit ? "mfe_dollars" : "mfe"];
  const most = [xs, ys].map((values) => list.order.reduce((m, i) => Math.max(m, Math.abs(values[i])), 1e-9));
  const left = 58, bottom = 36, top = 10, right = 12;
  const x = (v) => left + root(v) / root(most[0]) * (width - left - right);
  const y = (v) => height - bottom - root(v) / root(most[1]) * (height - top - bottom);
  const told = (v) => (dots.unit ? `$${v.toLocaleString("en-US", { maximumFractionDigits: 2 })}` : `${(100 * v).toLocaleString("en-US", { maximumFractionDigits: 2 })} %`);
  c.font = "11px system-ui, sans-serif";
  c.strokeStyle = colour("--line");
  c.fillStyle = colour("--soft");
  c.textAlign = "center";
  for (const v of [0, ...nice(most[0])]) {
    c.beginPath(); c.moveTo(x(v), top); c.lineTo(x(v), height - bottom); c.stroke();
    c.fillText(v ? `-${told(v)}` : "0", x(v), height - bottom + 15);
  }
  c.textAlign = "right";
  for (const v of [0, ...nice(most[1])]) {
    c.beginPath(); c.moveTo(left, y(v)); c.lineTo(width - right, y(v)); c.stroke();
    if (v) c.fillText(told(v), left - 6, y(v) + 4);
  }
  c.setLineDash([4, 4]); c.strokeStyle = colour("--soft");
  c.beginPath(); c.moveTo(x(0), y(0)); c.lineTo(x(Math.min(...most)), y(Math.min(...most))); c.stroke(); c.setLineDash([]);
  c.textAlign = "center"; c.fillText("MAE: worst it stood at", (left + width) / 2, height - 6);
  c.save(); c.translate(12, height / 2); c.rotate(-Math.PI / 2); c.fillText("MFE: best it stood at", 0, 0); c.restore();
  const up = colour("--up"), down = colour("--down");
  dots.at = list.order.map((i) => [x(xs[i]), y(ys[i]), i]);
  c.globalAlpha = Math.max(0.35, Math.min(0.8, 400 / (dots.at.length + 1)));
  for (const [px, py, i] of dots.at) { c.fillStyle = T.pnl[i] > 0 ? up : down; c.beginPath(); c.arc(px, py, 3.2, 0, 7); c.fill(); }
  c.globalAlpha = 1;
  const chosen = dots.at.find(([, , i]) => i === list.trip);
  if (chosen) { c.strokeStyle = colour("--text"); c.lineWidth = 2; c.beginPath(); c.arc(chosen[0], chosen[1], 6, 0, 7); c.stroke(); c.lineWidth = 1; }
}

function nearest(event) {
  const box = byId("scatter").getBoundingClientRect(), px = event.clientX - box.left, py = event.clientY - box.top;
  let best = null, least = 12;
  for (const dot of dots.at) {
    const away = Math.hypot(dot[0] - px, dot[1] - py);
    if (away < least) { least = away; best = dot[2]; }
  }
  return best;
}

function hover(event) {
  const i = nearest(event), tip = byId("tip");
  tip.hidden = i === null;
  if (i === null) return;
  tip.textContent = `${report.days[T.lane[i]].symbol} ${when(i)}\nnet ${dollars(T.pnl[i])}\nMAE ${dollars(T.mae_dollars[i])} (${percent(T.mae[i])})\nMFE ${dollars(T.mfe_dollars[i])} (${percent(T.mfe[i])})`;
  tip.style.left = `${Math.min(event.clientX + 14, innerWidth - 220)}px`;
  tip.style.top = `${event.clientY + 14}px`;
}

function startTrips() {
  const row = byId("trips").tHead.insertRow();
  COLUMNS.forEach((column) => {
    const th = document.createElement("th"), button = document.createElement("button");
    th.scope = "col";
    th.setAttribute("aria-sort", "none");
    if (column.num) th.className = "num";
    button.type = "button";
    button.textContent = column.head;
    button.addEventListener("click", () => {
      list.down = list.sort === column ? !list.down : Boolean(column.num);
      list.sort = column;
      for (const head of row.cells) head.setAttribute("aria-sort", "none");
      th.setAttribute("aria-sort", list.down ? "descending" : "ascending");
      relist();
    });
    th.append(button);
    row.append(th);
  });
  let drawing = 0;
  byId("trips-box").addEventListener("scroll", () => {
    if (!drawing) drawing = requestAnimationFrame(() => { drawing = 0; drawRows(); });
  });
  byId("trips").addEventListener("keydown", rowKeyed);
  byId("trips").tBodies[0].addEventListener("click", (event) => {
    const tr = event.target.closest("tr[data-trip]");
    if (tr) openTrip(Number(tr.dataset.trip));
  });
  byId("filter").addEventListener("input", relist);
  byId("result").addEventListener("change", relist);
  const canvas = byId("scatter");
  canvas.addEventListener("mousemove", hover);
  canvas.addEventListener("mouseleave", () => { byId("tip").hidden = true; });
  canvas.addEventListener("click", (event) => { const i = nearest(event); if (i !== null) openTrip(i); });
  byId("unit").addEventListener("click", () => {
    dots.unit = dots.unit ? "" : "dollars";
    byId("unit").setAttribute("aria-pressed", Boolean(dots.unit));
    drawDots();
  });
  new ResizeObserver(drawDots).observe(canvas);
  darkness.addEventListener("change", drawDots);
  addEventListener("beforeprint", () => drawRows(true));
  addEventListener("afterprint", () => drawRows());
  relist();
}
if (T.lane.length) startTrips();
