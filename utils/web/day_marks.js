// What a DayChart draws besides its series: halts, moments, patterns and refusals behind them, fills and round trips in
// front. Both are primitives of TradingView's library and ask the chart for its day, its theme and where seconds are.
"use strict";

const DayMarks = (() => {
  // Spans and moments behind all panes; their names in the first.
  class Backdrop {
    constructor(chart, named) { this.chart = chart; this.named = named; }
    attached({ requestUpdate }) { this.chart.updates.push(requestUpdate); }
    paneViews() { return [{ zOrder: () => "bottom", renderer: () => this }]; }
    draw(target) {
      target.useMediaCoordinateSpace(({ context: c, mediaSize: size }) => {
        const { day, theme, chosen } = this.chart, x = this.chart.x();
        if (!x) return;
        const band = (from, to, colour) => {
          const left = Math.max(x(from), 0), right = Math.min(Math.max(x(to), x(from) + 1), size.width);
          if (right <= 0 || left >= size.width) return null;
          c.fillStyle = colour;
          c.fillRect(left, 0, right - left, size.height);
          return [left, right];
        };
        if (chosen) band(chosen.from, chosen.to + 1, theme.chosen);
        c.font = "600 11px system-ui, sans-serif";
        c.textBaseline = "bottom";
        for (const span of day.spans) {
          const drawn = band(span.from, span.to, theme.span);
          if (!drawn || !this.named) continue;
          c.save();
          c.fillStyle = theme.spanText;
          c.translate(drawn[0] + 3, size.height - 8);
          if (drawn[1] - drawn[0] < c.measureText(span.text).width + 6) { c.translate(10, 0); c.rotate(-Math.PI / 2); }
          c.fillText(span.text, 0, 0);
          c.restore();
        }
        c.setLineDash([3, 4]);
        c.lineWidth = 1;
        for (const moment of day.moments) {
          const at = Math.round(x(moment.at)) + 0.5, colour = theme[moment.colour] || theme.cross;
          if (at < 0 || at > size.width) continue;
          c.strokeStyle = colour;
          c.beginPath(); c.moveTo(at, 0); c.lineTo(at, size.height); c.stroke();
          if (this.named) {
            c.fillStyle = colour;
            c.fillText(moment.text, at + 4, size.height - 22 - (moment.row || 0) * 14);
          }
        }
        c.setLineDash([]);
        if (this.named) this.notes(c, x, size.width, size.height);
      });
    }
    notes(c, x, width, height) {
      const { day, theme } = this.chart, notes = day.notes || [];
      c.font = "11px system-ui, sans-serif";
      c.fillStyle = theme.text;
      c.strokeStyle = theme.cross;
      let last = -Infinity;
      for (const { second } of day.refusals || []) {
        const at = x(second + 0.5);
        if (at < 0 || at > width || at - last < 3) continue;
        last = at;
        c.beginPath(); c.moveTo(at - 2.5, height - 7); c.lineTo(at + 2.5, height - 2); c.moveTo(at + 2.5, height - 7);
        c.lineTo(at - 2.5, height - 2); c.stroke();
      }
      notes.forEach((note, i) => {
        const at = x(note.at), next = i + 1 < notes.length ? x(notes[i + 1].at) : Infinity;
        if (at < 0 || at > width) return;
        c.beginPath(); c.moveTo(at, 30); c.lineTo(at + 3.5, 34); c.lineTo(at, 38); c.lineTo(at - 3.5, 34); c.fill();
        if (next - at > c.measureText(note.text).width + 14) c.fillText(note.text, at + 6, 41);
      });
    }
  }

  // Fills as triangles where they traded, round trips as lines from entry to exit.
  class Trades {
    constructor(chart, series) { this.chart = chart; this.series = series; }
    attached({ requestUpdate }) { this.chart.updates.push(requestUpdate); }
    paneViews() { return [{ zOrder: () => "top", renderer: () => this }]; }
    autoscaleInfo(first, last) {
      const { day, length } = this.chart, from = this.chart.first + first * length, to = this.chart.first + (last + 1) * length;
      const prices = day.fills.filter((fill) => fill.second >= from && fill.second < to).map((fill) => fill.price);
      if (!prices.length) return null;
      return { priceRange: { minValue: Math.min(...prices), maxValue: Math.max(...prices) } };
    }
    draw(target) {
      target.useMediaCoordinateSpace(({ context: c, mediaSize: size }) => {
        const { day, theme, chosen, length } = this.chart, x = this.chart.x();
        if (!x) return;
        const y = (price) => this.series.priceToCoordinate(price);
        const [from, to] = this.chart.range();
        for (const trip of day.trips) {
          if (trip.to < from || trip.from > to) continue;
          const own = chosen && chosen.id === trip.id;
          c.strokeStyle = trip.colour || (trip.pnl >= 0 ? theme.up : theme.down);
          c.lineWidth = own ? 2.5 : 1.2;
          c.setLineDash(own ? [] : [4, 3]);
          c.beginPath(); c.moveTo(x(trip.from + 0.5), y(trip.entry)); c.lineTo(x(trip.to + 0.5), y(trip.exit)); c.stroke();
        }
        c.setLineDash([]);
        const seen = day.fills.filter((fill) => fill.second >= from - length && fill.second <= to + length);
        const wide = x(1) - x(0) >= 4 && seen.length < 60;
        c.font = "600 11px system-ui, sans-serif";
        c.textAlign = "center";
        for (const fill of seen) {
          const up = fill.shares > 0, px = x(fill.second + 0.5), py = y(fill.price), r = wide ? 6 : seen.length > 150 ? 3.5 : 5;
          if (py === null || px < -r || px > size.width + r) continue;
          const tip = up ? py + 1 : py - 1, foot = up ? r * 1.8 : -r * 1.8, colour = fill.colour || (up ? theme.up : theme.down);
          c.fillStyle = colour;
          c.strokeStyle = fill.hollow ? colour : theme.edge;
          c.lineWidth = r < 5 ? 1 : fill.hollow ? 2 : 1.5;
          c.beginPath(); c.moveTo(px, tip); c.lineTo(px - r, tip + foot); c.lineTo(px + r, tip + foot); c.closePath();
          c.stroke();
          if (!fill.hollow) c.fill();
          if (wide && !fill.hollow) {
            c.fillStyle = theme.label;
            c.textBaseline = up ? "top" : "bottom";
            c.fillText(`${up ? "+" : "-"}${Math.abs(fill.shares).toLocaleString("en-US")}`, px, tip + foot + (up ? 3 : -3));
          }
        }
        c.textAlign = "start";
      });
    }
  }

  return { Backdrop, Trades };
})();
