// Parts that plotly draws: `plot` as the server describes it, and `curves`: small charts over environment steps, raw and
// smoothed, with one cursor for all of them. Zoom is kept until the run or the reader changes it.
"use strict";

const CONFIG = { displaylogo: false, responsive: true, displayModeBar: false };
const FONT = "system-ui, 'Segoe UI', 'Liberation Sans', sans-serif";
const axes = () => ({ gridcolor: Palette.colour("line"), linecolor: Palette.colour("line"), zerolinecolor: Palette.colour("soft", 0.6),
  tickfont: { size: 10.5 }, title: { font: { size: 11 }, standoff: 6 }, automargin: true });
const base = (height) => ({ height, font: { family: FONT, size: 11.5, color: Palette.colour("soft") }, paper_bgcolor: "rgba(0,0,0,0)",
  plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 46, r: 10, t: 8, b: 30 }, showlegend: false, uirevision: "kept",
  hoverlabel: { bgcolor: Palette.colour("card"), bordercolor: Palette.colour("line"), font: { color: Palette.colour("text"), family: FONT } } });

// Objects within objects, the second on top of the first.
const merged = (under, over) => {
  const out = { ...under };
  for (const [key, value] of Object.entries(over))
    out[key] = value && typeof value === "object" && !Array.isArray(value) ? merged(out[key] && typeof out[key] === "object" ? out[key] : {}, value) : value;
  return out;
};

Kinds.plot = class extends Part {
  begin() {
    this.box = make("div", { role: "img" });
    this.element.append(this.box);
  }
  draw(shown) {
    const height = +this.element.dataset.height || 300;
    this.box.setAttribute("aria-label", shown.label);
    const layout = merged(merged(base(height), { xaxis: axes(), yaxis: axes() }), Palette.resolved(shown.layout));
    Plotly.react(this.box, Palette.resolved(shown.traces), layout, CONFIG);
    const name = this.element.dataset.option;
    if (name && !this.listens) {
      this.listens = true;
      this.box.on("plotly_click", ({ points }) => { if (points[0].customdata !== undefined) fx.choose({ [name]: points[0].customdata }); });
    }
  }
  theme() { if (this.shown && !this.bare) this.draw(this.shown); }
  clear() { if (this.box) { Plotly.purge(this.box); this.box = null; this.listens = false; } }
};

// Exponential moving average that is no lower at its start: weights of what was seen sum to one.
function smoothed(y, weight) {
  let sum = 0, seen = 0;
  return y.map((value) => {
    if (value === null) return null;
    sum = weight * sum + (1 - weight) * value;
    seen = weight * seen + (1 - weight);
    return sum / seen;
  });
}

const said = (value, unit) => {
  if (value === null || value === undefined) return "-";
  if (unit === "share") return `${(100 * value).toLocaleString("en-US", { maximumFractionDigits: Math.abs(value) < 0.01 ? 3 : 1 })} %`;
  const size = Math.abs(value), digits = size >= 1000 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  const text = size && size < 0.001 ? value.toExponential(2) : value.toLocaleString("en-US", { maximumFractionDigits: digits });
  return unit.startsWith("$") ? `${value < 0 ? "-" : ""}$${text.replace("-", "")}` : text;
};

Kinds.curves = class extends Part {
  begin() {
    const kept = fx.kept("fx-curves") || {};
    this.weight = kept.weight === undefined ? 0.6 : kept.weight;
    this.raw = kept.raw === undefined ? true : kept.raw;
    this.plots = new Map();
    // charts that nobody sees are drawn when they come into view
    this.watch = new IntersectionObserver((seen) => {
      for (const { target, isIntersecting } of seen) {
        const known = this.plots.get(target.dataset.title);
        if (known) { known.seen = isIntersecting; if (isIntersecting && known.stale) this.paint(known); }
      }
    }, { rootMargin: "120px" });
    const slider = make("input", { type: "range", min: 0, max: 0.98, step: 0.02, value: this.weight, "aria-label": "Smoothing",
      oninput: () => { this.weight = +slider.value; this.keep(); } });
    const raw = make("button", { type: "button", text: "Raw", title: "Show the figures of every rollout behind the smoothed line", "aria-pressed": String(this.raw),
      onclick: () => { this.raw = !this.raw; raw.setAttribute("aria-pressed", String(this.raw)); this.keep(); } });
    const whole = make("button", { type: "button", text: "Whole run", title: "Undo the zoom (double click in a chart)", onclick: () => this.zoom(null) });
    const noisy = !this.element.dataset.exact;  // else there is nothing to smooth
    const bar = make("div", { cls: "controls" }, noisy ? make("label", {}, "Smoothing ", slider) : null, noisy ? raw : null, whole);
    if (this.element.dataset.csv) bar.append(make("a", { cls: "button csv", text: "Download CSV", title: "Every figure of every rollout", href: "#", "data-table": this.element.dataset.csv }));
    this.tiles = make("div", { cls: "tiles-of-curves" });
    this.element.append(bar, this.tiles);
  }
  keep() { fx.kept("fx-curves", { weight: this.weight, raw: this.raw }); this.draw(this.shown); }
  draw({ panels }) {
    const wanted = new Set(panels.map((panel) => panel.title));
    for (const [title, { tile, box }] of this.plots) if (!wanted.has(title)) { Plotly.purge(box); tile.remove(); this.plots.delete(title); }
    for (const panel of panels) this.told(panel);
  }
  told(panel) {
    let known = this.plots.get(panel.title);
    if (!known) {
      const box = make("div", { role: "img", cls: "curve", style: `height:${panel.series.length === 1 ? 168 : 190}px` }), value = make("b");
      const tile = make("section", { cls: "card curve-tile", "data-title": panel.title }, make("h3", { title: panel.hint }, make("span", { text: panel.title }), value), box);
      this.tiles.append(tile);
      known = { tile, box, value };
      this.plots.set(panel.title, known);
      this.watch.observe(tile);
    }
    known.panel = panel;
    const newest = (series) => said(series.y.findLast((v) => v !== null), panel.unit);
    known.value.textContent = panel.series.length === 1 ? newest(panel.series[0]) : "";
    known.box.setAttribute("aria-label", `${panel.title}, ${panel.series.map((s) => `${s.name}: ${newest(s)}`).join("; ")}`);
    known.stale = true;
    if (known.seen) this.paint(known);
  }
  paint(known) {
    known.stale = false;
    const { panel } = known;
    const one = panel.series.length === 1, traces = [], weight = panel.exact ? 0 : this.weight;
    const most = Math.max(...panel.series.flatMap((s) => s.y.map((v) => Math.abs(v || 0))));
    for (const series of panel.series) {
      const line = smoothed(series.y, weight), colour = Palette.colour(series.colour);
      if (this.raw && series.low && weight === 0)
        traces.push({ x: [...series.x, ...series.x.slice().reverse()], y: [...series.high, ...series.low.slice().reverse()], fill: "toself",
          fillcolor: Palette.colour(series.colour, 0.15), line: { width: 0 }, hoverinfo: "skip", type: "scatter", mode: "lines", showlegend: false });
      if (this.raw && weight > 0)
        traces.push({ x: series.x, y: series.y, type: "scatter", mode: "lines", line: { width: 1, color: Palette.colour(series.colour, 0.32) }, hoverinfo: "skip", showlegend: false });
      traces.push({ x: series.x, y: line, customdata: series.y.map((v) => said(v, panel.unit)), name: series.name, type: "scatter",
        mode: line.filter((v) => v !== null).length < 3 ? "lines+markers" : "lines", line: { width: 1.8, color: colour, dash: series.dash || "solid" }, connectgaps: true,
        hovertemplate: `${one ? "" : "%{fullData.name} "}%{customdata}<extra></extra>` });
    }
    const layout = merged(base(one ? 168 : 190), { xaxis: { ...axes(), nticks: 6, tickformat: "~s" }, hovermode: one ? "x" : "x unified",
      yaxis: { ...axes(), nticks: 5, tickformat: panel.unit === "share" ? ".3~p" : most >= 1e4 ? "~s" : "", exponentformat: "e" },
      showlegend: !one, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 10.5 } },
      margin: one ? {} : { t: 10 }, uirevision: fx.state.head ? fx.state.head.name : "" });
    if (this.range) { layout.xaxis.range = this.range; layout.xaxis.autorange = false; }
    Plotly.react(known.box, traces, layout, CONFIG);
    if (!known.heard) {
      known.heard = true;
      known.box.on("plotly_relayout", (change) => this.moved(known.box, change));
      known.box.on("plotly_hover", (event) => this.point(known.box, event));
      known.box.on("plotly_unhover", () => this.leave(known.box));
    }
  }
  // One zoom for all.
  moved(box, change) {
    if (this.moving) return;
    const from = change["xaxis.range[0]"], to = change["xaxis.range[1]"];
    if (from !== undefined) this.zoom([from, to], box);
    else if (change["xaxis.autorange"]) this.zoom(null, box);
  }
  zoom(range, but) {
    this.range = range;
    this.moving = true;
    const change = range ? { "xaxis.range": range, "xaxis.autorange": false } : { "xaxis.autorange": true, "yaxis.autorange": true };
    Promise.all([...this.plots.values()].filter(({ box, heard }) => heard && box !== but).map(({ box }) => Plotly.relayout(box, change))).then(() => { this.moving = false; });
  }
  // One cursor for all.
  point(box, { xvals }) {
    if (this.pointing) return;
    this.pointing = true;
    for (const { box: other, seen, heard } of this.plots.values()) if (other !== box && seen && heard) {
      try { Plotly.Fx.hover(other, { xval: xvals[0] }); } catch { /* not laid out yet */ }
    }
    this.pointing = false;
  }
  leave(box) {
    if (this.pointing) return;
    this.pointing = true;
    for (const { box: other, heard } of this.plots.values()) if (other !== box && heard) Plotly.Fx.unhover(other);
    this.pointing = false;
  }
  theme() { if (this.shown && !this.bare) this.draw(this.shown); }
  clear() { if (this.plots) { this.watch.disconnect(); for (const { box } of this.plots.values()) Plotly.purge(box); this.plots.clear(); } }
};
