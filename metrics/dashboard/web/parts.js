// Parts that are words and tables. A part is a class with update(shown), remove() and, where it draws, theme();
// `Kinds` holds them by the name that the page gives in data-kind.
"use strict";

const Kinds = {};

const make = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "text") made.textContent = value;
    else made.setAttribute(name === "cls" ? "class" : name, value);
  }
  made.append(...children.filter((each) => each !== null && each !== undefined));
  return made;
};

const emptied = (shown) => make("p", { cls: "empty" }, shown.empty, shown.fix ? ` What to do: ${shown.fix}.` : "");

class Part {
  constructor(element) { this.element = element; }
  update(shown, told) {
    this.shown = shown;
    if (shown && shown.empty !== undefined) { this.clear(); this.element.replaceChildren(emptied(shown)); this.bare = true; return; }
    if (this.bare || this.bare === undefined) { this.element.replaceChildren(); this.bare = false; this.begin(); }
    if (shown) this.draw(shown, told);
  }
  begin() {}
  draw() {}
  clear() {}
  remove() { this.clear(); }
}

// Key figures: [{label, value, note, tone, hint}].
Kinds.cards = class extends Part {
  draw(shown) {
    this.element.style.setProperty("--count", shown.length);
    this.element.style.setProperty("--half", Math.ceil(shown.length / 2));
    const known = new Map([...this.element.children].map((each) => [each.dataset.label, each]));
    this.element.replaceChildren(...shown.map((one) => {
      const tile = known.get(one.label) || make("div", { cls: "card tile", "data-label": one.label },
        make("span"), make("strong"), make("small"));
      const [label, value, note] = tile.children;
      label.textContent = one.label;
      value.textContent = one.value;
      value.className = one.tone === "up" ? "pos" : one.tone === "down" ? "neg" : "";
      note.textContent = one.note;
      tile.title = one.hint;
      return tile;
    }));
  }
};

// A table: {head, rows, text, bars}; see parts.py.
Kinds.table = class extends Part {
  draw({ head, rows, text, bars }) {
    const at = head.indexOf(bars), zero = rows.some((row) => at >= 0 && row[at][1] < 0) ? 32 : 0, full = 64 - zero;
    this.element.style.setProperty("--zero", `${zero}%`);
    const cell = (value, i) => {
      if (i === at) {
        const [told, share] = value;
        const bar = make("i", { cls: share >= 0 ? "up" : "down", style: `left:${share >= 0 ? zero : zero + full * share}%;width:${Math.abs(full * share)}%` });
        return make("td", { cls: "bars num" }, bar, make("b", { text: told }));
      }
      const sign = i >= text && /^[+-]./.test(value) ? (value[0] === "+" ? " pos" : " neg") : "";
      return make("td", { cls: i < text ? null : `num${sign}`, text: value });
    };
    const body = rows.map((row) => make("tr", {}, ...row.map(cell)));
    this.element.replaceChildren(make("div", { cls: "scroll", tabindex: 0 }, make("table", { cls: "small" },
      make("thead", {}, make("tr", {}, ...head.map((name, i) => make("th", { scope: "col", cls: i < text ? null : i === at ? "bars num" : "num", text: name })))),
      make("tbody", {}, ...body))));
  }
};

// Sentences: {text} or [{term, text}].
Kinds.words = class extends Part {
  draw(shown) {
    if (shown.text !== undefined) { this.element.replaceChildren(make("p", { text: shown.text })); return; }
    this.element.replaceChildren(make("dl", { cls: "facts" }, ...shown.flatMap(({ term, text }) => [make("dt", { text: term }), make("dd", { text })])));
  }
};

// One of several, by data-option: {label, options: [{value, text}], chosen, note, trouble: [sentences]}.
Kinds.choice = class extends Part {
  begin() {
    this.box = make("select", { onchange: () => fx.choose({ [this.element.dataset.option]: this.box.value }) });
    this.label = make("span");
    this.note = make("span", { cls: "told" });
    this.trouble = make("div", { role: "alert" });
    this.element.append(make("div", { cls: "controls" }, make("label", {}, this.label, this.box), this.note), this.trouble);
  }
  draw({ label, options, chosen, note, trouble }) {
    this.label.textContent = label;
    this.box.replaceChildren(...options.map(({ value, text }) => make("option", { value, text, selected: value === chosen ? "" : null })));
    this.box.value = chosen;
    this.note.textContent = note;
    this.trouble.replaceChildren(...trouble.map((text) => make("p", { cls: "trouble", text })));
  }
};

const BY_HAND = new Set(["checkboxSelected", "rowClicked", "spaceKey"]);

// Rows of the grid of AG Grid within: {rows, chosen}. A click chooses data-option, boxes choose data-many.
Kinds.grid = class extends Part {
  update(shown) { this.shown = shown; this.draw(shown); }
  async draw({ rows }) {
    const grid = this.element.querySelector(".grid-here");
    if (!grid) {  // Dash mounts it a moment after its page, or the page was left
      if (this.element.isConnected) requestAnimationFrame(() => this.draw(this.shown));
      return;
    }
    const api = await dash_ag_grid.getApiAsync(grid.id);
    if (!this.element.isConnected) return;
    if (!this.api) { this.api = api; this.listen(); }
    if (rows) api.setGridOption("rowData", rows);
    this.mark();
    this.element.dataset.rows = rows.length;
  }
  listen() {
    const { option, many } = this.element.dataset;
    const choose = (row) => { if (option) fx.choose({ [option]: row.id }); };
    this.api.addEventListener("rowClicked", (event) => choose(event.data));
    this.api.addEventListener("cellKeyDown", (event) => { if (event.event.key === "Enter") choose(event.data); });
    this.api.addEventListener("selectionChanged", ({ source }) => {
      if (many && BY_HAND.has(source)) fx.choose({ [many]: this.api.getSelectedRows().map((row) => row.id) });
      if (source === "apiSelectAll") this.mark();  // dash's wrapper has cleared it
    });
  }
  // The server says what is chosen.
  mark() {
    const wanted = new Set([].concat(this.shown.chosen === undefined ? [] : this.shown.chosen));
    this.api.forEachNode((node) => { if (node.isSelected() !== wanted.has(node.id)) node.setSelected(wanted.has(node.id), false, "api"); });
    const first = this.seen ? null : this.api.getRowNode([...wanted][0]);
    if (first) { this.api.ensureNodeVisible(first); this.seen = true; }
  }
};

// The lane that the run records every decision of: {count, lane, going}.
Kinds.lanes = class extends Part {
  draw({ count, lane, going }) {
    const seen = JSON.stringify([count, lane, going]);
    if (seen === this.seen) return;
    this.seen = seen;
    const box = make("select", { "aria-label": "Lane to follow", disabled: going ? null : "",
      title: going ? "Follow another lane from its next rollout on" : "The run is over: this is what was followed",
      onchange: () => fetch(`/follow/${encodeURIComponent(fx.state.head.name)}/${box.value}`, { method: "POST" }) },
      ...Array.from({ length: count }, (_, i) => make("option", { text: String(i), value: i, selected: i === lane ? "" : null })));
    this.element.replaceChildren(make("label", {}, "Lane ", box));
  }
};
