// The page of a backtest: summed P&L by session, the table of days and the chart of the chosen day. `report` comes from
// page.py, a day's arrays from day_view.py; the list of round trips is in trips.js.
"use strict";

const report = JSON.parse(document.getElementById("report").textContent);
const byId = (id) => document.getElementById(id);
const COLOURS = { agent: "#2f7df6", buy_and_hold: "#f08c00", rule: "#9a5cf0", random: "#8795a5", cash: "#a9b4bf", oracle: "#12a594" };
const MORE = ["#e64980", "#15aabf", "#82c91e", "#fab005"];
report.runs.forEach((name, i) => { COLOURS[name] = COLOURS[name] || MORE[i % MORE.length]; });
const spoken = (name) => name.replaceAll("_", " ");
const dollars = (x, digits = 2) => {
  if (x === null || x !== x) return "-";
  const text = Math.abs(x).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return (/[1-9]/.test(text) ? (x < 0 ? "-" : "+") : "") + "$" + text;
};
const darkness = matchMedia("(prefers-color-scheme: dark)");

function toggleButton(name, colour, pressed, act) {
  const button = document.createElement("button"), key = document.createElement("span");
  button.type = "button";
  key.className = "key";
  key.style.background = colour;
  button.append(key, spoken(name));
  button.setAttribute("aria-pressed", pressed);
  button.addEventListener("click", () => button.setAttribute("aria-pressed", act()));
  return button;
}

// ---------------------------------------------------------------- session by session
const equity = { hidden: new Set(["oracle"]) };

function summed(values) { let sum = 0; return [0, ...values.map((v) => (sum += v))]; }

function drawEquity(theme) {
  const t = DayChart.THEMES[theme || (darkness.matches ? "dark" : "light")], { dates, pnl } = report.sessions;
  if (equity.chart) equity.chart.remove();
  const before = new Date(Date.parse(dates[0]) - 86400000).toISOString().slice(0, 10);
  const times = [before, ...dates], L = LightweightCharts;
  const chart = equity.chart = L.createChart(byId("equity-chart"), {
    autoSize: true,
    layout: { background: { color: t.back }, textColor: t.text, fontSize: 11, attributionLogo: false,
      fontFamily: "system-ui, 'Segoe UI', 'Liberation Sans', sans-serif",
      panes: { separatorColor: t.line, enableResize: false } },
    grid: { vertLines: { color: t.grid }, horzLines: { color: t.grid } },
    crosshair: { mode: 0 },
    rightPriceScale: { borderColor: t.line, minimumWidth: 68 },
    leftPriceScale: { visible: !equity.hidden.has("oracle"), borderColor: t.line },
    timeScale: { borderColor: t.line, fixLeftEdge: true, fixRightEdge: true, minBarSpacing: 0.2 },
    localization: { priceFormatter: (x) => dollars(x, 0) },
    handleScroll: { mouseWheel: false }, handleScale: { mouseWheel: false },
  });
  const options = (name) => ({ priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: true,
    visible: !equity.hidden.has(name) });
  equity.series = {};
  equity.curves = {};
  for (const [name, values] of Object.entries(pnl)) {
    const curve = equity.curves[name] = summed(values), own = name === "agent";
    const drawn = [chart.addSeries(L.LineSeries, { ...options(name), color: COLOURS[name], lineWidth: own ? 3 : 1.5,
      lineStyle: name === "oracle" ? 2 : 0, priceScaleId: name === "oracle" ? "left" : "right" }, 0)];
    drawn[0].setData(times.map((time, i) => ({ time, value: curve[i] })));
    if (name !== "oracle" && curve.some((v) => v)) {
      let high = 0;
      const under = curve.map((v) => v - (high = Math.max(high, v)));
      const kind = own ? L.BaselineSeries : L.LineSeries;
      const look = own ? { baseValue: { type: "price", price: 0 }, bottomLineColor: COLOURS.agent, topLineColor: COLOURS.agent, lineWidth: 2,
        bottomFillColor1: `${COLOURS.agent}22`, bottomFillColor2: `${COLOURS.agent}44` } : { color: COLOURS[name], lineWidth: 1 };
      drawn.push(chart.addSeries(kind, { ...options(name), ...look }, 1));
      drawn[1].setData(times.map((time, i) => ({ time, value: under[i] })));
    }
    equity.series[name] = drawn;
  }
  const panes = chart.panes();
  panes[0].setStretchFactor(2);
  chart.timeScale().fitContent();
  equity.times = times;
  equity.boxes = null;
  chart.subscribeCrosshairMove((at) => tellEquity(at.logical === undefined || !at.point ? null : at.logical));
  requestAnimationFrame(() => tellEquity(null));
}

function tellEquity(index) {
  const last = equity.times.length - 1, i = index === null ? last : Math.max(0, Math.min(last, Math.round(index)));
  if (!equity.boxes) {
    equity.boxes = equity.chart.panes().map((pane) => {
      const cell = pane.getHTMLElement() && pane.getHTMLElement().querySelectorAll("td")[1];
      if (!cell) return null;
      const box = document.createElement("div");
      box.className = "chart-legend";
      (cell.firstElementChild || cell).append(box);
      return box;
    });
    if (equity.boxes.includes(null)) { equity.boxes = null; return; }
  }
  const label = (text, colour) => { const s = document.createElement("span"); s.textContent = text; s.style.color = colour || ""; return s; };
  const shown = Object.entries(equity.curves).filter(([name]) => !equity.hidden.has(name));
  equity.boxes[0].replaceChildren(label(i ? equity.times[i] : "start"), ...shown.map(([name, curve]) =>
    label(`${spoken(name)} ${dollars(curve[i])}`, COLOURS[name])));
  if (equity.boxes[1]) equity.boxes[1].replaceChildren(label("drawdown"), ...shown.filter(([name]) => name !== "oracle").map(([name, curve]) =>
    label(dollars(curve[i] - Math.max(0, ...curve.slice(0, i + 1))), COLOURS[name])));
}

function startEquity() {
  drawEquity();
  byId("equity-runs").append(...Object.keys(report.sessions.pnl).map((name) => toggleButton(name, COLOURS[name], !equity.hidden.has(name), () => {
    const visible = equity.hidden.has(name);
    if (visible) equity.hidden.delete(name); else equity.hidden.add(name);
    equity.series[name].forEach((series) => series.applyOptions({ visible }));
    if (name === "oracle") equity.chart.applyOptions({ leftPriceScale: { visible } });
    tellEquity(null);
    return visible;
  })));
  darkness.addEventListener("change", () => drawEquity());
}

// ---------------------------------------------------------------- a day
const view = { lane: -1, chart: null, trip: -1, cache: new Map() };

function tripsOf(lane) {
  const { trips } = report;
  const found = [];
  for (let i = 0; i < trips.lane.length; i++) if (trips.lane[i] === lane) found.push(i);
  return found;
}

async function arraysOf(lane) {
  if (!view.cache.has(lane)) {
    if (view.cache.size > 3) view.cache.delete(view.cache.keys().next().value);
    view.cache.set(lane, await unpacked(byId(`day-${lane}`).textContent));
  }
  return view.cache.get(lane);
}

// What DayChart draws, of the arrays that day_view.py packed as differences.
function dayOf(lane, a) {
  const facts = report.days[lane], t = report.trips, n = a.close.length, digits = facts.digits;
  const { bars, bid, ask, vwap } = DayChart.prices(a);
  const whole = { start: 0, interval: 1, pick: "last", digits };
  const traced = { start: facts.start, interval: facts.interval, pick: "last" };
  const overlays = [
    { ...whole, name: "VWAP", kind: "line", colour: "#b07cf7", values: vwap, loose: "always" },
    { ...whole, name: "bid", kind: "step", colour: "#3fa7d6", values: bid, width: 1, upTo: 5 },
    { ...whole, name: "ask", kind: "step", colour: "#e08a3c", values: ask, width: 1, upTo: 5 },
  ];
  const panes = [];
  if (a.position && a.position.length) {
    panes.push({ title: "position", weight: 0.9, series: [{ ...traced, name: "shares", kind: "base", values: a.position, digits: 0, unit: "shares" }] });
    const curves = report.runs.filter((name) => a[`pnl ${name}`]).reverse();
    panes.push({ title: "P&L", weight: 1.7, series: curves.map((name) => ({ ...traced, name: spoken(name), kind: "line",
      colour: COLOURS[name], values: a[`pnl ${name}`], unit: "$", width: name === "agent" ? 2 : 1.2,
      ...(name === "agent" ? {} : { loose: "near" }) })) });
    if (a["p buy"]) {
      const thought = [["p buy", "up"], ["p sell", "down"]].map(([name, colour]) => ({ ...traced, name, kind: "step", colour,
        values: a[name], pick: "mean", width: 1.2 }));
      const hold = a["p buy"].map((p, i) => 1 - p - a["p sell"][i]);
      thought.push({ ...traced, name: "p hold", kind: "step", colour: "#8795a5", values: hold, pick: "mean", width: 1, loose: "always" });
      if (a.value) thought.push({ ...traced, name: "value", kind: "step", colour: "#d6a11d", values: a.value, own: true, pick: "mean", digits: 3, dashed: true });
      panes.push({ title: "policy", weight: 1.3, series: thought });
    }
    panes.push({ title: "reward", weight: 0.9, series: [{ ...traced, name: "sum", kind: "bars", values: a.reward, pick: "sum", digits: 4 }] });
  }
  const fills = Array.from(a.fill_second, (second, i) => ({ second, price: a.fill_price[i], shares: a.fill_shares[i] }));
  const refusals = Array.from(a.refused_second || [], (second, i) => ({ second, text: report.reasons[a.refused_reason[i]].replaceAll("_", " ") }));
  const trips = tripsOf(lane).map((i) => ({ id: i, from: t.entry_second[i], to: t.exit_second[i], entry: t.entry_price[i],
    exit: t.exit_price[i], pnl: t.pnl[i] }));
  return { name: facts.symbol, date: facts.date, seconds: n, digits, bars, overlays, panes, fills, refusals, trips, spans: facts.spans,
    moments: facts.moments, notes: facts.notes };
}

async function showDay(lane, trip = -1) {
  const turn = view.turn = (view.turn || 0) + 1;
  if (lane !== view.lane) {
    const arrays = await arraysOf(lane);
    if (turn !== view.turn) return;
    const day = dayOf(lane, arrays), facts = report.days[lane];
    if (view.chart) view.chart.remove();
    view.lane = lane;
    view.chart = new DayChart(byId("day-chart"), day, { onTrip: (found) => openTrip(found.id, false) });
    byId("day-choice").value = lane;
    byId("day-empty").hidden = !facts.empty;
    byId("day-empty").textContent = facts.empty;
    byId("day-series").replaceChildren(...view.chart.drawn.filter((each) => each.pane === 0).map((each) =>
      toggleButton(each.series.name, each.colour, each.drawn.options().visible, () => view.chart.toggle(each.series.name))));
    for (const row of byId("days-table").tBodies[0].rows) row.classList.toggle("chosen", Number(row.dataset.lane) === lane);
    zoom(0);
  }
  choose(trip);
}

function choose(trip) {
  view.trip = trip;
  const day = view.chart.day, chosen = day.trips.find((each) => each.id === trip) || null, facts = report.days[view.lane];
  view.chart.choose(chosen);
  if (chosen) {
    const pad = Math.max(45, 0.8 * (chosen.to - chosen.from));
    view.chart.focus(chosen.from - pad, chosen.to + pad);
  }
  byId("status").textContent = chosen ? tripTold(trip)
    : `${facts.symbol} ${facts.date}: ${dollars(facts.pnl)} in ${facts.trips} round trip${facts.trips === 1 ? "" : "s"}${facts.trips ? "" : ": it did not trade"}, from ${DayChart.clock(facts.start)} ET.`;
  if (typeof markTrip === "function") markTrip(trip);
  if (typeof tellWhy === "function") tellWhy(trip);
}

function tripTold(i) {
  const t = report.trips, own = tripsOf(t.lane[i]);
  return `Round trip ${own.indexOf(i) + 1} of ${own.length}: ${t.side[i]} ${t.shares[i].toLocaleString("en-US")} shares, `
    + `${DayChart.clock(t.entry_second[i])} at $${t.entry_price[i]} to ${DayChart.clock(t.exit_second[i])} at $${t.exit_price[i]}, `
    + `${dollars(t.pnl[i])} net, closed by ${t.closed_by[i]}.`;
}

async function openTrip(i, scroll = true) {
  await showDay(report.trips.lane[i], i);
  if (scroll) byId("day").scrollIntoView({ block: "start" });
}

function zoom(seconds) {
  const { chart } = view, facts = report.days[view.lane], [from, to] = chart.range();
  if (!seconds) {
    const rows = chart.day.panes.length ? chart.day.panes[0].series[0].values.length * facts.interval : 0;
    const first = rows ? Math.max(0, facts.start - 600) : 0, last = rows ? Math.min(chart.day.seconds, facts.start + rows + 300) : chart.day.seconds;
    chart.focus(first, last);
    return;
  }
  const middle = view.trip >= 0 ? (report.trips.entry_second[view.trip] + report.trips.exit_second[view.trip]) / 2 : (from + to) / 2;
  chart.focus(middle - seconds / 2, middle + seconds / 2);
}

function stepDay(by) {
  const lane = view.lane + by;
  if (lane >= 0 && lane < report.days.length) showDay(lane);
}

function stepTrip(by) {
  const own = tripsOf(view.lane);
  if (!own.length) return;
  const at = own.indexOf(view.trip), next = at < 0 ? (by > 0 ? 0 : own.length - 1) : at + by;
  if (next >= 0 && next < own.length) { choose(own[next]); return; }
  for (let lane = view.lane + by; lane >= 0 && lane < report.days.length; lane += by) {
    const theirs = tripsOf(lane);
    if (theirs.length) { openTrip(theirs[by > 0 ? 0 : theirs.length - 1], false); return; }
  }
}

function scaleView(factor) {
  const [from, to] = view.chart.range(), middle = (from + to) / 2, half = Math.max(10, (to - from) * factor / 2);
  view.chart.focus(middle - half, middle + half);
}

function keyed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, textarea, table")) return;
  const acts = {
    ArrowLeft: () => (event.shiftKey ? stepDay(-1) : stepTrip(-1)),
    ArrowRight: () => (event.shiftKey ? stepDay(1) : stepTrip(1)),
    "+": () => scaleView(0.6), "=": () => scaleView(0.6), "-": () => scaleView(1 / 0.6), 0: () => zoom(0),
  };
  if (!view.chart || !(event.key in acts)) return;
  event.preventDefault();
  acts[event.key]();
}

function startDays() {
  const choice = byId("day-choice");
  choice.append(...report.days.map((day, lane) => {
    const option = document.createElement("option");
    const label = day.found === "oracle" ? ", ORACLE-SELECTED" : "";
    option.value = lane;
    option.textContent = `${day.date} ${day.symbol}  ${dollars(day.pnl)}${label}`;
    return option;
  }));
  choice.addEventListener("change", () => showDay(Number(choice.value)));
  byId("day-before").addEventListener("click", () => stepDay(-1));
  byId("day-after").addEventListener("click", () => stepDay(1));
  byId("trip-before").addEventListener("click", () => stepTrip(-1));
  byId("trip-after").addEventListener("click", () => stepTrip(1));
  document.querySelectorAll("[data-span]").forEach((button) => button.addEventListener("click", () => zoom(Number(button.dataset.span))));
  addEventListener("keydown", keyed);
  byId("days-table").tBodies[0].addEventListener("click", async (event) => {
    const row = event.target.closest("tr[data-lane]");
    if (!row) return;
    await showDay(Number(row.dataset.lane));
    byId("day").scrollIntoView({ block: "start" });
    byId("day-chart").focus({ preventScroll: true });
  });
}

// ---------------------------------------------------------------- tables that sort by their heads
function sortable(table) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "descending" || (head.getAttribute("aria-sort") === "none" && !head.classList.contains("num"));
    heads.forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", down ? "ascending" : "descending");
    const value = (row) => {
      const cell = row.cells[column];
      return cell.dataset.v === undefined ? cell.textContent : cell.dataset.v === "" ? null : Number(cell.dataset.v);
    };
    const rows = [...body.rows].map((row) => [value(row), row]);
    rows.sort(([a], [b]) => (a === null ? 1 : b === null ? -1 : (a < b ? -1 : a > b ? 1 : 0) * (down ? 1 : -1)));
    body.append(...rows.map(([, row]) => row));
  }));
}

// ---------------------------------------------------------------- paper
addEventListener("beforeprint", () => {
  if (view.chart) byId("day-paper").src = view.chart.picture().toDataURL();
  drawEquity("light");
  byId("equity-paper").src = equity.chart.takeScreenshot().toDataURL();
  drawEquity();
});

// The address names what is shown at first: #trade-12, #day-3.
async function start() {
  document.querySelectorAll("table.sortable").forEach(sortable);
  startEquity();
  startDays();
  const asked = /^#(trade|day)-(\d+)$/.exec(location.hash);
  const lane = Math.max(0, report.days.findIndex((day) => day.trips));
  if (asked && asked[1] === "trade" && Number(asked[2]) < report.trips.lane.length) await openTrip(Number(asked[2]));
  else await showDay(asked && asked[1] === "day" && Number(asked[2]) < report.days.length ? Number(asked[2]) : lane);
  requestAnimationFrame(() => requestAnimationFrame(() => {
    performance.mark("drawn");
    document.body.dataset.drawn = "yes";
  }));
}
start();
