// Parts of the page Replay: `replayform` asks for one and tells how it goes, `replaylist` has those that there are,
// `replay` draws one; see pages/replay.py.
"use strict";

const SIDE_COLOURS = ["c0", "c1"];

// What to play: {days: [{value, label}], models, day, first, second}.
Kinds.replayform = class extends Part {
  begin() {
    this.seen = "";
    const list = (label) => {
      const box = make("select", { "aria-label": label, onchange: () => this.ready() });
      return [box, make("label", {}, `${label} `, box)];
    };
    const [day, forDay] = list("Day"), [first, forFirst] = list("Checkpoint"), [second, forSecond] = list("against");
    Object.assign(this, { day, first, second });
    this.button = make("button", { type: "submit", text: "Replay" });
    this.told = make("span", { role: "status", "aria-live": "polite", cls: "note" });
    this.element.append(make("form", { cls: "controls", "aria-label": "Replay a day", onsubmit: (event) => { event.preventDefault(); this.ask(); } },
      forDay, forFirst, forSecond, this.button, this.told));
    this.watch();
  }
  // The reader's own choice stays while the lists grow.
  draw(shown, told) {
    const run = told ? told.run : this.run, wanted = [run, shown.day, shown.first, shown.second].join(), moved = wanted !== this.before;
    this.run = run; this.before = wanted;
    const fill = (box, choices, value) => {
      const kept = !moved && choices.some((one) => one.value === box.value) ? box.value : value;
      box.replaceChildren(...choices.map((one) => make("option", { value: one.value, text: one.label, selected: one.value === kept ? "" : null })));
    };
    const seen = JSON.stringify([run, shown]);
    if (seen === this.seen) return;
    this.seen = seen;
    fill(this.day, shown.days, shown.day);
    const names = shown.models.map((name) => ({ value: name, label: name }));
    fill(this.first, names, shown.first);
    fill(this.second, names, shown.second);
    this.ready();
    this.watch();
  }
  ready() {
    const same = this.first.value === this.second.value;
    this.button.disabled = same || Boolean(this.going);
    if (!this.going) this.say(same ? "Choose two checkpoints that are not the same." : "");
  }
  say(text, wrong = false) {
    this.told.textContent = text;
    this.told.classList.toggle("neg", wrong);
  }
  async ask() {
    if (this.button.disabled) return;
    const body = JSON.stringify({ day: this.day.value, first: this.first.value, second: this.second.value });
    this.going = true; this.ready();
    this.say("starting");
    try {
      const answer = await (await fetch(this.address(), { method: "POST", headers: { "Content-Type": "application/json" }, body })).json();
      if (answer.refused) { this.end(`${answer.refused}. What to do: ${answer.fix}.`); return; }
      if (answer.ready) { this.end(""); fx.choose({ replay: answer.name }); return; }
      this.watch();
    } catch (why) { this.end(`The dashboard's server does not answer (${why.message}).`); }
  }
  // Look until it is done; also when the page is opened while one is made.
  async watch() {
    if (!this.run || this.looking) return;
    this.looking = true;
    try {
      for (const run = this.run; this.element.isConnected && run === this.run;) {
        const state = await (await fetch(this.address())).json();
        if (run !== this.run) break;
        if (!state.going) {
          if (this.going) { this.end(state.failed); if (!state.failed) fx.choose({ replay: state.name }); }
          break;
        }
        this.going = true; this.ready();
        this.say(`${state.name}: ${state.said}`);
        await new Promise((done) => setTimeout(done, 400));
      }
    } catch { /* the head of the page says that the server is gone */ } finally { this.looking = false; }
  }
  end(failed) { this.going = false; this.ready(); if (failed) this.say(failed, true); }
  address() { return `/replays/${encodeURIComponent(this.run)}`; }
};

// Buttons of which one is pressed: {value, choices: [{value, label, hint}]}.
Kinds.replaylist = class extends Part {
  draw({ value, choices }) {
    const seen = JSON.stringify([value, choices]);
    if (seen === this.seen) return;
    const held = document.activeElement && this.element.contains(document.activeElement);
    this.seen = seen;
    this.element.replaceChildren(make("div", { cls: "controls" }, make("span", { cls: "note", text: choices.length ? "Kept:" : "Kept: none yet" }), ...choices.map((one) => make("button", {
      type: "button", text: one.label, title: one.hint, "aria-pressed": String(one.value === value), onclick: () => fx.choose({ replay: one.value }) }))));
    if (held) this.element.querySelector("[aria-pressed=true]").focus();
  }
  clear() { this.seen = ""; }
};

// The day: {replay: facts of metrics/replays.py}. Keys, buttons and zoom are those of the part `day`.
Kinds.replay = class extends Kinds.day {
  begin() { super.begin(); this.key = ""; }
  async draw({ replay }, told) {
    const key = `/replays/${encodeURIComponent(told.run)}/${encodeURIComponent(replay.name)}`;
    if (key === this.key) return;
    this.key = key;
    const answer = await fetch(key);
    if (!answer.ok) { this.told.textContent = "This replay is gone. What to do: press Replay again."; this.key = ""; return; }
    const text = await answer.text(), arrays = await unpacked(text.slice(text.indexOf("\n") + 1));
    if (key !== this.key) return;
    this.replay = replay; this.arrays = arrays;
    this.paint(null);
    const legend = replay.sides.map((side, i) => make("span", { cls: `side side-${i}` }, make("i", { "aria-hidden": "true", text: i ? "△" : "▲" }), ` ${side.name}`));
    const sample = replay.sample[0].toUpperCase() + replay.sample.slice(1);
    this.told.replaceChildren(`${replay.symbol} ${replay.date}, up: bought, down: sold, by `, ...legend, `${replay.synthetic ? "Synthetic market. " : ""}${sample}.`);
    this.box.setAttribute("aria-label", `${replay.symbol} ${replay.date}: candles with the fills of ${replay.sides.map((side) => side.name).join(" and ")}, their positions and P&L`);
    this.element.dataset.drawn = replay.name;
  }

  // range: seconds in view, null for the whole of what was traded.
  paint(range) {
    if (this.chart) this.chart.remove();
    this.day = this.dayOf(this.replay, this.arrays);
    this.chart = new DayChart(this.box, this.day, { theme: Palette.theme(), onRange: () => this.mark(),
      onTrip: (trip) => this.chart.choose(this.chart.chosen === trip ? null : trip) });
    this.chart.focus(...(range || this.ends()));
    this.mark();
  }

  dayOf(replay, a) {
    const { bars, bid, ask, vwap } = DayChart.prices(a), digits = replay.digits;
    const whole = { start: 0, interval: 1, pick: "last", digits }, traced = { start: replay.start, interval: replay.interval, pick: "last" };
    const sides = replay.sides.map(({ name }, i) => ({ name, i, colour: Palette.colour(SIDE_COLOURS[i]) }));
    const both = (series, more) => sides.filter(({ i }) => a[`${i} ${series}`]).map(({ name, i, colour }) =>
      ({ ...traced, name, kind: "step", colour, values: a[`${i} ${series}`], width: i ? 1.4 : 2, dashed: i === 1, ...more }));
    const thought = both("p buy", { pick: "mean", range: [0, 1] });
    const panes = [
      { title: "P&L", weight: 1.6, series: both("pnl agent", { unit: "$", kind: "line" }) },
      { title: "position", weight: 1, series: both("position", { unit: "shares", digits: 0 }) },
      ...(thought.length ? [{ title: "p buy", weight: 0.9, series: thought }] : []),
      { title: "decisions that differ", weight: 0.5, series: [{ ...traced, name: "count", kind: "bars", colour: "accent",
        values: a.differ.map((one) => one || NaN), pick: "sum", digits: 0 }] },
    ];
    const list = (kind, make) => sides.flatMap((side) => Array.from(a[`${side.i} ${kind}`], (_, k) => make(side, k)));
    const of = (side, name, k) => a[`${side.i} ${name}`][k];
    return { name: replay.symbol, date: replay.date, seconds: a.close.length, digits, bars, panes,
      overlays: [{ ...whole, name: "VWAP", kind: "line", colour: "#b07cf7", values: vwap, loose: "always" },
        { ...whole, name: "bid", kind: "step", colour: "#3fa7d6", values: bid, width: 1, upTo: 5 },
        { ...whole, name: "ask", kind: "step", colour: "#e08a3c", values: ask, width: 1, upTo: 5 }],
      fills: list("fill_second", (side, k) => ({ second: of(side, "fill_second", k), price: of(side, "fill_price", k),
        shares: of(side, "fill_shares", k), colour: side.colour, hollow: side.i === 1 })),
      trips: list("trip_from", (side, k) => ({ id: `${side.i} ${k}`, from: of(side, "trip_from", k), to: of(side, "trip_to", k),
        entry: of(side, "trip_entry", k), exit: of(side, "trip_exit", k), pnl: of(side, "trip_pnl", k), colour: side.colour })),
      spans: replay.spans, moments: replay.moments, notes: replay.notes };
  }

  // From a little before the first decision to a little after the last.
  ends() {
    const last = this.replay.start + this.replay.interval * Math.max(...[0, 1].map((i) => (this.arrays[`${i} position`] || []).length));
    const pad = Math.max(60, 0.03 * (last - this.replay.start));
    return [Math.max(0, this.replay.start - pad), Math.min(this.day.seconds, last + pad)];
  }
  theme() { if (this.chart) this.paint(this.chart.range()); }
  clear() { super.clear(); this.key = ""; }
};

Object.assign(fx.kinds, Kinds);
