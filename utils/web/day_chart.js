// A trading day as panes that share one clock: candles and volume, and below whatever series it is given.
//
//   const chart = new DayChart(element, day, {onTrip, onRange, theme});
//   chart.focus(from, to); chart.range(); chart.choose(trip); chart.refresh(); chart.remove();
//
// day = {
//   date: "2025-04-15", seconds: 57600,           second s is [s, s + 1) after 04:00 New York
//   bars: {open, high, low, close, volume},        one number a second; close 0: no price yet
//   overlays: [series], panes: [{title, weight, series: [series]}],
//   spans: [{from, to, text}],                     shaded: halts
//   moments: [{at, text, colour, row}],            vertical lines: open, close, start
//   notes: [{at, text}],                           small marks at the top: patterns
//   refusals: [{second, text}],                    small crosses at the bottom: orders that came to nothing
//   fills: [{second, price, shares, colour, hollow}],  colour: where it is not to say bought or sold; hollow: an outline
//   trips: [{id, from, to, entry, exit, pnl, long, colour}],
// }
// series = {name, kind: "line" | "step" | "base" | "bars", colour, values, start, interval, pick: "last" | "mean" |
//           "sum", unit: "$" | "shares", digits, own, dashed, width, upTo, loose}: row k of `values` stands for seconds [start + k interval, ...);
//           nan is left out; own: on a scale of its own, without an axis; upTo: drawn while a candle is at most that many seconds;
//           loose: the axis need not hold it ("always", or "near": close up).
//
// A candle is as many seconds as its width allows, and at most MOST_BARS of them are handed to the library at once, so
// that 57,600 seconds zoom like 600. Arrays may be written to while it runs (live): call refresh(). What is drawn over and
// under the series is in day_marks.js.
"use strict";

const DayChart = (() => {
  const L = LightweightCharts;
  const LENGTHS = [1, 2, 5, 10, 15, 30, 60, 120, 300];
  const MOST_BARS = 2400, LEAST_PX = 2.5, MOST_PX = 13, WANTED_PX = 3.5;
  const NEAR = 10;  // seconds of a candle, close up
  const FIRST_HOUR = 4;
  const THEMES = {
    light: { back: "#ffffff", text: "#4a5663", grid: "#edf0f3", line: "#dfe4ea", up: "#0b8457", down: "#d1293d",
      volume: "rgba(91,104,117,.32)", span: "rgba(240,160,32,.17)", spanText: "#96550a", chosen: "rgba(20,99,216,.11)",
      edge: "#ffffff", cross: "#6b7885", label: "#16202a", accent: "#1463d8" },
    dark: { back: "#151b23", text: "#93a1b0", grid: "#1d2530", line: "#2a333e", up: "#2fbf83", down: "#ff6370",
      volume: "rgba(147,161,176,.30)", span: "rgba(240,169,75,.16)", spanText: "#f0b565", chosen: "rgba(91,160,255,.16)",
      edge: "#151b23", cross: "#93a1b0", label: "#e6edf3", accent: "#5ba0ff" },
  };

  const two = (n) => String(n).padStart(2, "0");
  const clock = (second) => {
    const s = Math.floor(second) + FIRST_HOUR * 3600;
    return `${two(Math.floor(s / 3600))}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  };
  const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
  const dollars = (x, digits) => `${x < 0 ? "-" : x > 0 ? "+" : ""}$${plain(Math.abs(x), digits)}`;
  const plain = (x, digits) => x.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

  // The value of a series within seconds [a, b), nan where it has none.
  function picked(series, a, b) {
    const { values, start, interval, pick } = series;
    if (pick === "sum") {
      const first = Math.max(0, Math.ceil((a - start) / interval));
      const stop = Math.min(values.length, Math.ceil((b - start) / interval));
      let sum = NaN;
      for (let k = first; k < stop; k++) if (values[k] === values[k]) sum = (sum === sum ? sum : 0) + values[k];
      return sum;
    }
    if (b <= start || a >= start + interval * values.length) return NaN;
    const last = Math.min(values.length - 1, Math.floor((b - 1 - start) / interval));
    if (pick === "last") return values[last];
    const first = Math.max(0, Math.floor((a - start) / interval));
    let sum = 0, count = 0;
    for (let k = first; k <= last; k++) if (values[k] === values[k]) { sum += values[k]; count++; }
    return count ? sum / count : NaN;
  }

  // Open, high, low, close and volume of seconds [a, b); null before the first price.
  function candle(bars, a, b) {
    let first = a;
    while (first < b && !(bars.close[first] > 0)) first++;
    if (first === b) return null;
    let high = -Infinity, low = Infinity, volume = 0;
    for (let s = first; s < b; s++) {
      if (bars.high[s] > high) high = bars.high[s];
      if (bars.low[s] < low) low = bars.low[s];
      volume += bars.volume[s];
    }
    return { open: bars.open[first], high, low, close: bars.close[b - 1], volume };
  }

  // Bars of a day and its bid, ask and VWAP, of arrays that were packed as differences (agent/report/day_view.py).
  function prices(a) {
    const n = a.close.length, made = () => new Float64Array(n);
    const bars = { open: made(), high: made(), low: made(), close: a.close, volume: a.volume };
    const bid = made(), ask = made(), vwap = made();
    for (let s = 0; s < n; s++) {
      bars.open[s] = a.open[s] + (s ? a.close[s - 1] : 0);
      bars.high[s] = Math.max(bars.open[s], a.close[s]) + a.high[s];
      bars.low[s] = Math.min(bars.open[s], a.close[s]) - a.low[s];
      bid[s] = a.bid[s] > 0 ? a.bid[s] : NaN;
      ask[s] = a.bid[s] > 0 ? a.bid[s] + a.spread[s] : NaN;
      vwap[s] = a.vwap[s] > 0 ? a.vwap[s] : NaN;
    }
    return { bars, bid, ask, vwap };
  }

  class Chart {
    constructor(element, day, options = {}) {
      this.element = element; this.day = day; this.options = options;
      this.dark = matchMedia("(prefers-color-scheme: dark)");
      this.themed = () => this.build(this.span);
      this.dark.addEventListener("change", this.themed);
      this.released = () => { this.dragging = false; this.follow(); };
      addEventListener("pointerup", this.released);
      element.addEventListener("pointerdown", () => { this.dragging = true; });
      this.chosen = null;
      this.hidden = new Set();
      this.build([0, day.seconds]);
    }

    // Everything anew, showing seconds [from, to).
    build(span, theme) {
      if (this.chart) this.chart.remove();
      this.element.replaceChildren();
      this.theme = THEMES[theme || this.options.theme || (this.dark.matches ? "dark" : "light")];
      this.length = 0;
      this.updates = [];
      this.make();
      this.panes();
      this.focus(span[0], span[1]);
      requestAnimationFrame(() => this.tell(null));
    }

    make() {
      const t = this.theme;
      const midnight = Date.parse(`${this.day.date}T00:00:00Z`) / 1000;
      this.zero = midnight + FIRST_HOUR * 3600;  // the library's clock is UTC: it is given New York's
      const time = (at, seconds) => { const text = clock(at - this.zero); return seconds ? text : text.slice(0, 5); };
      this.chart = L.createChart(this.element, {
        autoSize: true,
        layout: { background: { color: t.back }, textColor: t.text, fontSize: 11, attributionLogo: false,
          fontFamily: "system-ui, 'Segoe UI', 'Liberation Sans', sans-serif",
          panes: { separatorColor: t.line, separatorHoverColor: t.chosen, enableResize: true } },
        grid: { vertLines: { color: t.grid }, horzLines: { color: t.grid } },
        crosshair: { mode: 0, vertLine: { color: t.cross, labelBackgroundColor: t.cross },
          horzLine: { color: t.cross, labelBackgroundColor: t.cross } },
        rightPriceScale: { borderColor: t.line, minimumWidth: 68 },
        timeScale: { borderColor: t.line, timeVisible: true, secondsVisible: true, rightOffset: 0, minBarSpacing: 0.05,
          maxBarSpacing: 60, lockVisibleTimeRangeOnResize: true, shiftVisibleRangeOnNewBar: false,
          tickMarkFormatter: (at, kind) => time(at, kind === 4) },
        localization: { timeFormatter: (at) => `${time(at, true)} ET` },
        kineticScroll: { mouse: false, touch: false },
      });
      this.chart.timeScale().subscribeVisibleLogicalRangeChange(() => this.moved());
      this.chart.subscribeCrosshairMove((at) => this.tell(at));
      this.chart.subscribeClick((at) => this.clicked(at));
    }

    panes() {
      const t = this.theme, day = this.day;
      const digits = day.digits || 2;
      this.candles = this.chart.addSeries(L.CandlestickSeries, { upColor: t.up, downColor: t.down, wickUpColor: t.up,
        wickDownColor: t.down, borderVisible: false, priceLineVisible: false, lastValueVisible: false,
        priceFormat: { type: "price", precision: digits, minMove: 10 ** -digits } }, 0);
      this.candles.priceScale().applyOptions({ scaleMargins: { top: 0.09, bottom: 0.2 } });
      this.volume = this.chart.addSeries(L.HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" },
        color: t.volume, priceLineVisible: false, lastValueVisible: false }, 0);
      this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
      this.drawn = [];
      day.overlays.forEach((series) => this.add(series, 0, digits));
      day.panes.forEach((pane, i) => pane.series.forEach((series) => this.add(series, i + 1)));
      const panes = this.chart.panes();
      panes.forEach((pane, i) => {
        pane.setStretchFactor(i ? day.panes[i - 1].weight : 4.4);
        pane.attachPrimitive(new DayMarks.Backdrop(this, i === 0));
      });
      this.candles.attachPrimitive(new DayMarks.Trades(this, this.candles));
      this.legends = null;  // the library lays its panes out in the next frame
    }

    add(series, pane, digits) {
      const kinds = { line: L.LineSeries, step: L.LineSeries, base: L.BaselineSeries, bars: L.HistogramSeries };
      const t = this.theme, clear = "rgba(0,0,0,0)";
      const colour = series.colour in t ? t[series.colour] : series.colour;
      const precision = digits || (series.digits === undefined ? 2 : series.digits);
      const common = { priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false,
        visible: !this.hidden.has(series.name),
        ...(series.loose ? { autoscaleInfoProvider: (own) => (series.loose === "always" || this.length <= NEAR ? null : own()) } : {}),
        priceFormat: series.unit === "$" ? { type: "custom", minMove: 0.01, formatter: (x) => dollars(x, 0) }
          : series.unit === "shares" ? { type: "volume" } : { type: "price", precision, minMove: 10 ** -precision },
        ...(series.range ? { autoscaleInfoProvider: () => ({ priceRange: { minValue: series.range[0], maxValue: series.range[1] } }) } : {}),
        ...(series.own ? { priceScaleId: series.name } : {}) };
      const drawn = this.chart.addSeries(kinds[series.kind], { ...common,
        ...(series.kind === "base" ? { baseValue: { type: "price", price: 0 }, lineType: 1, lineWidth: 1, topLineColor: t.up,
          bottomLineColor: t.down, topFillColor1: `${t.up}55`, topFillColor2: `${t.up}22`, bottomFillColor1: `${t.down}22`,
          bottomFillColor2: `${t.down}55` } : { color: colour || clear }),
        ...(series.kind === "line" || series.kind === "step" ? { lineWidth: series.width || 1.5, lineStyle: series.dashed ? 2 : 0,
          lineType: series.kind === "step" ? 1 : 0 } : {}) }, pane);
      if (series.own || pane) drawn.priceScale().applyOptions({ scaleMargins: { top: 0.2, bottom: 0.08 } });
      this.drawn.push({ series, drawn, pane, colour });
    }

    // Show or hide a series by name; returns whether it is visible now.
    toggle(name) {
      const own = this.drawn.filter((each) => each.series.name === name);
      const visible = !own[0].drawn.options().visible;
      own.forEach((each) => each.drawn.applyOptions({ visible }));
      if (visible) this.hidden.delete(name); else this.hidden.add(name);
      return visible;
    }

    // ---- time
    // A function from seconds to x, null while nothing is drawn.
    x() {
      const scale = this.chart.timeScale(), origin = scale.logicalToCoordinate(0), next = scale.logicalToCoordinate(1);
      if (origin === null || next === null || next === origin) return null;
      return (second) => origin + ((second - this.first) / this.length - 0.5) * (next - origin);
    }

    // Seconds [from, to) in view.
    range() {
      if (this.target) return this.target;
      const logical = this.chart.timeScale().getVisibleLogicalRange();
      if (!logical) return this.span;
      return [this.first + (logical.from + 0.5) * this.length, this.first + (logical.to + 0.5) * this.length];
    }

    focus(from, to) {
      const before = this.length;
      this.span = this.target = [from, to];
      this.load(from, to);
      if (this.length !== before && this.legends) this.tell(null);
      this.chart.timeScale().setVisibleLogicalRange({
        from: (from - this.first) / this.length - 0.5, to: (to - this.first) / this.length - 0.5 });
      // the library moves in its next frame, just before this; until then it tells the range of old
      const target = this.target;
      requestAnimationFrame(() => { if (this.target === target) this.target = null; });
    }

    // The best length of a candle for a view of so many seconds; the present one as long as it will do.
    fitting(seconds) {
      const width = Math.max(this.chart.timeScale().width() || this.element.clientWidth - 80, 300);
      const px = (length) => width * length / seconds;
      if (this.length && px(this.length) >= LEAST_PX && (px(this.length) <= MOST_PX || this.length === 1)) return this.length;
      return LENGTHS.find((length) => px(length) >= WANTED_PX) || LENGTHS[LENGTHS.length - 1];
    }

    // Hand the library the bars in and around [from, to).
    load(from, to) {
      const length = this.length = this.fitting(to - from), total = Math.ceil(this.day.seconds / length);
      const middle = Math.round((from + to) / 2 / length);
      const first = Math.max(0, Math.min(middle - MOST_BARS / 2, total - MOST_BARS));
      const stop = Math.min(total, first + MOST_BARS);
      this.first = first * length; this.stop = stop * length;
      const candles = [], volumes = [], t = this.theme;
      for (let i = first; i < stop; i++) {
        const a = i * length, b = Math.min(a + length, this.day.seconds), time = this.zero + a;
        const bar = candle(this.day.bars, a, b);
        if (!bar) { candles.push({ time }); continue; }
        candles.push({ time, open: bar.open, high: bar.high, low: bar.low, close: bar.close });
        if (bar.volume) volumes.push({ time, value: bar.volume });
      }
      this.candles.setData(candles);
      this.volume.setData(volumes);
      for (const { series, drawn } of this.drawn) drawn.setData(this.points(series, first, stop, length, t));
    }

    points(series, first, stop, length, t) {
      if (length > (series.upTo || Infinity)) return [];
      const points = [], end = series.start + series.interval * series.values.length;
      for (let i = Math.max(first, Math.floor(series.start / length)); i < stop && i * length < end; i++) {
        const value = picked(series, i * length, (i + 1) * length), time = this.zero + i * length;
        if (value !== value) { if (series.kind !== "bars") points.push({ time }); continue; }
        points.push(series.kind === "bars" && !series.colour ? { time, value, color: value >= 0 ? t.up : t.down } : { time, value });
      }
      return points;
    }

    // After a move of the view: other candles, or others around it, where it takes them.
    moved() {
      if (this.dragging || this.pending || this.target) return;
      this.pending = requestAnimationFrame(() => { this.pending = 0; this.follow(); });
    }

    follow() {
      if (!this.length || this.target || this.removed) return;
      const [from, to] = this.range(), width = to - from;
      this.span = [from, to];
      const near = (from - this.first < width && this.first > 0) || (this.stop - to < width && this.stop < this.day.seconds);
      if (this.fitting(width) !== this.length || near) this.focus(from, to);
      if (this.options.onRange) this.options.onRange(from, to, this.length);
    }

    // Arrays have changed: draw them.
    refresh() { const [from, to] = this.range(); this.focus(from, to); }

    // ---- words
    tell(at) {
      if (this.removed) return;
      if (!this.legends) this.legends = this.legend();
      const index = at && at.logical !== undefined && at.point ? at.logical : null;
      const second = index === null ? null : this.first + index * this.length;
      if (!this.legends) return;
      this.legends.forEach((box, pane) => box.replaceChildren(...this.words(pane, second)));
    }

    legend() {
      const boxes = this.chart.panes().map((pane) => {
        const row = pane.getHTMLElement(), cell = row && row.querySelectorAll("td")[1];
        if (!cell) return null;
        const box = document.createElement("div");
        box.className = "chart-legend";
        (cell.firstElementChild || cell).append(box);
        return box;
      });
      return boxes.includes(null) ? null : boxes;
    }

    words(pane, second) {
      const out = [], put = (text, colour, bold) => {
        const made = document.createElement("span");
        made.textContent = text;
        if (colour) made.style.color = colour;
        if (bold) made.style.fontWeight = "700";
        out.push(made);
      };
      const t = this.theme, inside = second !== null && second >= 0 && second < this.day.seconds;
      if (pane === 0) {
        put(`${this.day.name || ""} ${this.length < 60 ? `${this.length} s` : `${this.length / 60} min`}`, t.label, true);
        const bar = inside ? candle(this.day.bars, second, Math.min(second + this.length, this.day.seconds)) : null;
        if (bar) {
          const d = this.day.digits || 2;
          put(`${clock(second)} ET`, t.label);
          put(`O ${plain(bar.open, d)} H ${plain(bar.high, d)} L ${plain(bar.low, d)} C ${plain(bar.close, d)}`,
            bar.close >= bar.open ? t.up : t.down);
          put(`V ${compact.format(bar.volume)}`);
        }
      } else put(this.day.panes[pane - 1].title, t.label, true);
      const refused = pane || !inside ? [] : (this.day.refusals || []).filter((one) => one.second >= second && one.second < second + this.length);
      if (refused.length) put(`refused: ${[...new Set(refused.map((one) => one.text))].join(", ")}`, t.spanText);
      for (const { series, drawn, pane: own, colour } of this.drawn) {
        if (own !== pane || !drawn.options().visible || this.length > (series.upTo || Infinity)) continue;
        const value = inside ? picked(series, second, second + this.length) : NaN;
        const digits = series.digits === undefined ? 2 : series.digits;
        const told = series.unit === "$" ? dollars(value, digits) : plain(value, digits);
        put(value === value ? `${series.name} ${told}` : series.name, colour || t.text);
      }
      return out;
    }

    // ---- round trips
    choose(trip) { this.chosen = trip; this.updates.forEach((update) => update()); }

    clicked(at) {
      if (!at.point || at.paneIndex || !this.options.onTrip) return;
      const x = this.x();
      let best = null, least = 18;
      for (const trip of this.day.trips) {
        for (const [second, price] of [[trip.from, trip.entry], [trip.to, trip.exit]]) {
          const y = this.candles.priceToCoordinate(price);
          const away = Math.hypot(x(second + 0.5) - at.point.x, y - at.point.y);
          if (away < least) { least = away; best = trip; }
        }
      }
      if (best) this.options.onTrip(best);
    }

    // A picture for paper, in light colours.
    picture() {
      const span = this.range();
      this.build(span, "light");
      const made = this.chart.takeScreenshot(true);  // with the fills, which are on top
      this.build(span);
      return made;
    }

    remove() {
      this.dark.removeEventListener("change", this.themed);
      removeEventListener("pointerup", this.released);
      this.removed = true;
      this.chart.remove();
      this.element.replaceChildren();
    }
  }
  Chart.clock = clock;
  Chart.prices = prices;
  Chart.THEMES = THEMES;
  return Chart;
})();
