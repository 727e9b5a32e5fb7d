// Asks the server what is new for the page that is open, hands it to its parts, and says whether all is well.
// One question is under way at a time; it is answered as soon as there is news.
"use strict";

const fx = window.fx = (() => {
  const LEAST_MS = 250, LATE_S = 60;
  // Answers of very long runs take the server a while: they are asked for less often, so that training keeps its processor.
  const DEAR_S = 0.1, REST = 16;
  const byId = (id) => document.getElementById(id);
  const state = { page: "", run: "", since: {}, key: "", options: {}, busy: null, asked: 0, rest: LEAST_MS, lost: 0, head: null, listed: "" };
  const parts = new Map();  // by id: {element, kind, shown}
  const kinds = {};

  const kept = (name, value) => {
    try {
      if (value === undefined) return JSON.parse(sessionStorage.getItem(name));
      sessionStorage.setItem(name, JSON.stringify(value));
    } catch { return null; }
    return value;
  };

  // ---- parts
  function partOf(id) {
    const element = byId(id), known = parts.get(id);
    if (known && known.element === element) return known.shown;
    if (known) { known.shown.remove(); parts.delete(id); }
    if (!element) return null;
    const shown = new kinds[element.dataset.kind](element);
    parts.set(id, { element, shown });
    return shown;
  }

  // Forget parts that are no longer on the page; whether there were any.
  function sweep() {
    const gone = [...parts].filter(([, { element }]) => !element.isConnected);
    for (const [id, { shown }] of gone) { shown.remove(); parts.delete(id); }
    return gone.length > 0;
  }

  // ---- asking
  function forget() {
    if (state.busy) state.busy.abort();
    state.busy = null; state.since = {}; state.key = ""; state.asked = 0;
  }

  function options() { return state.options[state.page] || (state.options[state.page] = kept(`fx-${state.page}`) || {}); }

  // The reader has chosen something on this page: it is told anew.
  function choose(chosen) {
    Object.assign(options(), chosen);
    kept(`fx-${state.page}`, options());
    forget();
    ask();
  }

  async function ask() {
    if (state.busy || !state.page || document.hidden) return;
    const wait = state.asked + state.rest - performance.now();
    if (wait > 0) { setTimeout(ask, wait); return; }
    state.asked = performance.now();
    const mine = state.busy = new AbortController();
    const { page, run, since, key } = state;
    let again = false, reached = false;
    try {
      const answer = await fetch("/news", { method: "POST", signal: mine.signal, headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ page, run, since, key, options: options() }) });
      reached = true;
      if (!answer.ok) throw new Error(`the server answers ${answer.status}: its log is dashboard.log beside the runs`);
      if (state.busy !== mine) return;
      if (answer.status === 200) { take(await answer.json()); }
      again = true;
      state.lost = 0;
      trouble("");
    } catch (why) {
      if (why.name === "AbortError" || state.busy !== mine) return;
      state.lost += 1;
      trouble(!reached ? "The dashboard's server does not answer: ./fx dashboard starts it again. Training is not affected."
        : String(why.message || why));
      if (reached) console.error(why);
    } finally {
      if (state.busy === mine) state.busy = null;
    }
    if (again) ask();
  }

  function take(told) {
    state.since = told.since; state.key = told.key;
    state.rest = told.spent > DEAR_S ? 1000 * REST * told.spent : LEAST_MS;
    state.head = told.head;
    runs(told.runs, told.run);
    trouble("");
    if (told.what) { byId("page").dataset.empty = "yes"; nothing(told.what, told.fix); return; }
    delete byId("page").dataset.empty;
    nothing("");
    for (const [id, shown] of Object.entries(told.parts)) {
      const part = partOf(id);
      if (part) part.update(shown, told);
    }
    alive();
    state.painted = (state.painted || 0) + 1;
  }

  // ---- head
  function runs(list, run) {
    const seen = JSON.stringify(list) + run;
    if (seen === state.listed) return;
    state.listed = seen;
    window.dash_clientside.set_props("run", { data: list, value: run || null });
  }

  function trouble(text) {
    const box = byId("trouble");
    if (!box || box.textContent === text) return;
    box.textContent = text;
    box.hidden = !text;
  }

  function nothing(what, fix) {
    const page = document.querySelector("#page .body");
    if (!page) return;
    let box = byId("nothing");
    if (!what) { if (box) box.remove(); return; }
    if (!box) { box = document.createElement("div"); box.id = "nothing"; box.className = "empty"; page.before(box); }
    box.textContent = `${what[0].toUpperCase()}${what.slice(1)}. ${fix ? `What to do: ${fix}.` : ""}`;
  }

  const ago = (s) => (s < 90 ? `${Math.round(s)} s` : s < 5400 ? `${Math.round(s / 60)} min` : s < 172800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} d`);

  function alive() {
    const head = state.head, dot = byId("dot");
    if (!dot) return;
    const going = head && head.state === "running";
    const age = head && head.time ? Date.now() / 1000 - head.time : null;
    dot.className = state.lost ? "lost" : going ? (age > LATE_S ? "late" : "live") : "over";
    byId("state").textContent = head ? `${head.synthetic ? "SYNTHETIC MARKET · " : ""}${head.state} · ${head.line}${age === null ? "" : ` · numbers ${ago(age)} old`}` : "no run to show";
    byId("bar").style.width = head ? `${100 * head.progress}%` : "0";
  }

  // ---- the heart, twice a second
  function beat() {
    const body = document.querySelector("#page .body"), page = body ? body.dataset.page : "";
    const run = new URLSearchParams(location.search).get("run") || "";
    if (sweep() || page !== state.page || run !== state.run) {
      const moved = page !== state.page;
      forget();
      state.page = page; state.run = run;
      if (moved) marked();
    }
    alive();
    ask();
  }

  function marked() {
    for (const link of document.querySelectorAll("nav .tab")) {
      const here = link.id === `to-${state.page}`;
      if (here) { link.setAttribute("aria-current", "page"); document.title = `${link.lastChild.textContent} · FxAI`; } else link.removeAttribute("aria-current");
    }
  }

  function goTo(page, run) {
    if (page === state.page && run === undefined) return;
    const query = run === undefined ? location.search : run ? `?run=${encodeURIComponent(run)}` : "";
    window.dash_clientside.set_props("where", { pathname: page ? `/${page}` : location.pathname, search: query });
  }

  function pick(name) {
    if (name && (!state.head || name !== state.head.name)) goTo("", name);
  }

  // ---- theme
  function theme(name) {
    const root = document.documentElement;
    root.dataset.theme = root.dataset.mantineColorScheme = root.dataset.agThemeMode = name;
    try { localStorage.setItem("fx-theme", name); } catch { /* a private window */ }
    window.dash_clientside.set_props("mantine", { forceColorScheme: name });
    const button = byId("theme");
    if (button) { button.textContent = name === "dark" ? "Light" : "Dark"; button.setAttribute("aria-pressed", String(name === "dark")); }
    for (const { shown } of parts.values()) if (shown.theme) shown.theme();
  }

  addEventListener("click", (event) => {
    if (event.target.id === "theme") theme(Palette.theme() === "dark" ? "light" : "dark");
    const csv = event.target.closest && event.target.closest("a.csv");
    if (csv && state.head) csv.href = `/csv/${encodeURIComponent(state.head.name)}/${csv.dataset.table}.csv`;
    const tab = event.target.closest && event.target.closest("nav .tab");
    if (tab && location.search && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault(); event.stopPropagation(); goTo(tab.id.slice(3));
    }
  }, true);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, [role=grid], [role=listbox]")) return;
    if (event.key === "d") theme(Palette.theme() === "dark" ? "light" : "dark");
    const tab = /^[1-9]$/.test(event.key) ? document.querySelectorAll("nav .tab")[+event.key - 1] : null;
    if (tab) goTo(tab.id.slice(3));
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) beat(); });

  return { beat, choose, goTo, pick, kinds, options, partOf, state, theme, byId, kept };
})();

(function start() {
  if (!document.getElementById("mantine") && !document.getElementById("theme")) { setTimeout(start, 50); return; }
  fx.theme(Palette.theme());
})();
