// The part `day`: candles of the day that a lane plays, with its fills, round trips and thoughts; see day.py.
// Arrays of the day are kept and written to as decisions come, so the reader's view stays where it is.
"use strict";

const HOUR = 3600, LEAD = 120;

const candleCache = new Map();
function candlesOf(run, symbol, date) {
  const key = `/candles/${encodeURIComponent(run)}/${encodeURIComponent(symbol)}/${date}`;
  if (!candleCache.has(key)) {
    if (candleCache.size > 6) candleCache.delete(candleCache.keys().next().value);
    candleCache.set(key, fetch(key).then(async (answer) => (answer.status === 200 ? unpacked(await answer.text()) : null)));
  }
  return candleCache.get(key);
}

Kinds.day = class extends Part {
  begin() {
    const button = (text, title, act) => make("button", { type: "button", text, title, onclick: act });
    this.spans = [["15 min", 900], ["1 hour", HOUR], ["Whole day", 0]].map(([text, seconds]) => {
      const made = button(text, seconds ? "This much, up to now" : "04:00 to 20:00", () => this.span(seconds));
      made.dataset.span = seconds;
      return made;
    });
    this.following = this.element.dataset.live === "yes";
    this.follows = button("Follow", "Keep the newest decision in view", () => { this.following = true; this.window(); });
    this.told = make("p", { cls: "status", role: "status" });
    this.controls = make("div", { cls: "controls" }, ...this.spans, this.element.dataset.live === "yes" ? this.follows : null,
      make("span", { cls: "keys" }, make("kbd", { text: "+" }), " ", make("kbd", { text: "-" }), " zoom ", make("kbd", { text: "←" }), " ", make("kbd", { text: "→" }), " move"));
    this.box = make("div", { cls: "day-box", tabindex: 0, role: "img", "aria-label": "Chart of the day" });
    this.box.addEventListener("keydown", (event) => this.keyed(event));
    for (const kind of ["wheel", "pointerdown"]) this.box.addEventListener(kind, () => { this.following = false; this.mark(); }, { passive: true });
    this.element.append(this.controls, this.told, this.box);
    this.seconds = this.element.dataset.live === "yes" ? HOUR : -1;
  }

  async draw(shown, told) {
    const turn = this.turn = (this.turn || 0) + 1;
    if (shown.day) {
      let raw = await candlesOf(told.run, shown.day.symbol, shown.day.date);
      if (this.turn !== turn && !shown.append) return;
      this.open(shown, raw);
    }
    if (!this.day) return;
    if (shown.rows) this.add(shown.rows);
    if (shown.fills) this.day.fills.splice(0, Infinity, ...shown.fills);
    if (shown.trips) this.day.trips.splice(0, Infinity, ...shown.trips);
    const chosen = this.day.trips.find((trip) => trip.id === shown.chosen) || null;
    this.chart.choose(chosen);
    if (chosen && shown.day) { const pad = Math.max(90, chosen.to - chosen.from); this.chart.focus(chosen.from - pad, chosen.to + pad); }
    else if (shown.day && !this.following) this.chart.focus(...this.ends());
    else if (this.following) this.window();
    else this.chart.refresh();
    this.told.textContent = shown.told || "";
    this.mark();
    this.element.dataset.drawn = String(this.now === undefined ? "" : this.now);
  }

  // Arrays of a day: prices, and what the lane did.
  open(shown, raw) {
    const n = shown.day.seconds, empty = () => new Float64Array(n).fill(NaN);
    const none = new Float64Array(n);
    const bars = raw ? { open: raw.open, high: raw.high, low: raw.low, close: raw.close, volume: raw.volume }
      : { open: none, high: none, low: none, close: none, volume: none };
    this.traced = { position: empty(), pnl: empty(), buy: empty(), sell: empty(), value: empty(), reward: empty() };
    const at = { start: 0, interval: 1, pick: "last" }, t = this.traced;
    const panes = !shown.rows ? [] : [
      { title: "position", weight: 0.8, series: [{ ...at, name: "shares", kind: "base", values: t.position, digits: 0, unit: "shares" }] },
      { title: "P&L of the episode", weight: 1.2, series: [{ ...at, name: "net", kind: "base", values: t.pnl, unit: "$" }] },
      ...(shown.thoughts ? [{ title: "policy", weight: 1.2, series: [
        { ...at, name: "p buy", kind: "step", colour: "up", values: t.buy, pick: "mean", width: 1.4, range: [0, 1] },
        { ...at, name: "p sell", kind: "step", colour: "down", values: t.sell, pick: "mean", width: 1.4, range: [0, 1] },
        { ...at, name: "value", kind: "step", colour: "#d6a11d", values: t.value, own: true, pick: "mean", digits: 3, dashed: true }] }] : []),
      { title: "reward", weight: 0.7, series: [{ ...at, name: "sum", kind: "bars", values: t.reward, pick: "sum", digits: 4 }] },
    ];
    this.last = null; this.now = undefined; this.begun = shown.day.start;
    this.day = { name: shown.day.symbol, date: shown.day.date, seconds: n, digits: shown.day.digits, bars, overlays: [], panes,
      spans: shown.day.spans, moments: shown.day.moments, notes: shown.day.notes, fills: [], trips: [] };
    if (this.chart) this.chart.remove();
    this.chart = new DayChart(this.box, this.day, { theme: Palette.theme(),
      onTrip: (trip) => { if (this.element.dataset.option) fx.choose({ [this.element.dataset.option]: trip.id }); },
      onRange: () => this.mark() });
    this.box.classList.toggle("small", !panes.length);
    this.missing(!raw);
  }

  missing(yes) {
    if (this.sorry) { this.sorry.remove(); this.sorry = null; }
    this.box.hidden = yes && !this.day.panes.length;
    if (!yes) return;
    this.sorry = make("p", { cls: "note", text: "This day has no candles in the run's store: it keeps those of the last days on which a recorded lane traded." });
    this.box.before(this.sorry);
  }

  // Decisions: columns of equal length; see day.py.
  add(rows) {
    const t = this.traced, n = this.day.seconds;
    for (let i = 0; i < rows.second.length; i++) {
      const to = Math.min(rows.second[i], n - 1), from = this.now === undefined ? Math.max(0, to - rows.interval + 1) : this.now + 1;
      for (let s = from; s <= to; s++) {
        t.buy[s] = rows.buy[i] === null ? NaN : rows.buy[i];
        t.sell[s] = rows.sell[i] === null ? NaN : rows.sell[i];
        t.value[s] = rows.value[i] === null ? NaN : rows.value[i];
        t.position[s] = s === to || !this.last ? rows.position[i] : this.last.position;
        t.pnl[s] = s === to || !this.last ? rows.pnl[i] : this.last.pnl;
      }
      t.reward[to] = rows.reward[i];
      this.last = { position: rows.position[i], pnl: rows.pnl[i] };
      this.now = to;
    }
  }

  // ---- what is in view
  ends() {
    const first = this.now === undefined ? 0 : Math.max(0, this.begun - 600);
    return this.now === undefined ? [0, this.day.seconds] : [first, Math.min(this.day.seconds, this.now + 300)];
  }
  window() {
    if (!this.chart) return;
    const to = (this.now === undefined ? this.day.seconds : this.now) + LEAD;
    if (this.seconds > 0) this.chart.focus(to - this.seconds, to); else this.chart.focus(0, this.day.seconds);
    this.mark();
  }
  span(seconds) {
    this.seconds = seconds;
    if (this.element.dataset.live === "yes") { this.following = seconds > 0; this.window(); return; }
    const [from, to] = this.chart.range(), chosen = this.chart.chosen, middle = chosen ? (chosen.from + chosen.to) / 2 : (from + to) / 2;
    if (seconds) this.chart.focus(middle - seconds / 2, middle + seconds / 2); else this.chart.focus(0, this.day.seconds);
    this.mark();
  }
  mark() {
    if (!this.chart) return;
    const [from, to] = this.chart.range(), live = this.element.dataset.live === "yes";
    this.element.dataset.from = Math.round(from); this.element.dataset.to = Math.round(to);
    for (const one of this.spans) one.setAttribute("aria-pressed", String(live ? (this.following || +one.dataset.span === 0) && this.seconds === +one.dataset.span : false));
    this.follows.setAttribute("aria-pressed", String(this.following));
  }
  keyed(event) {
    if (!this.chart || event.ctrlKey || event.altKey || event.metaKey) return;
    const [from, to] = this.chart.range(), middle = (from + to) / 2, half = (to - from) / 2;
    const move = { "+": [0, 0.6], "=": [0, 0.6], "-": [0, 1 / 0.6], ArrowLeft: [-0.3, 1], ArrowRight: [0.3, 1] }[event.key];
    if (!move) return;
    event.preventDefault();
    this.following = false;
    const at = middle + move[0] * 2 * half, wide = Math.max(15, half * move[1]);
    this.chart.focus(at - wide, at + wide);
    this.mark();
  }
  theme() {
    if (!this.chart) return;
    this.chart.options.theme = Palette.theme();
    this.chart.build(this.chart.range());
  }
  clear() { if (this.chart) { this.chart.remove(); this.chart = null; this.day = null; } }
};

Object.assign(fx.kinds, Kinds);
