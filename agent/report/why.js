// Causes of the chosen round trip's entry and exit, where they were explained; `why` comes from why.py.
"use strict";

const whyText = document.getElementById("why-data");
const why = whyText ? JSON.parse(whyText.textContent) : null;
const WHY_ENDS = [["entry", "entry_decided", "entry_second"], ["exit", "exit_decided", "exit_second"]];

function decisionOf(i, [stratum, column]) {
  const t = report.trips, day = report.days[t.lane[i]], second = t[column][i];
  return second === null ? undefined : why[`${day.symbol} ${day.date} ${second} ${stratum}`];
}

const explainedEnds = (i) => WHY_ENDS.filter((end) => decisionOf(i, end)).map(([name]) => name);

function whyMade(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function causesOf(i, end) {
  const [name, column] = end, t = report.trips, told = decisionOf(i, end);
  const box = whyMade("section", { "aria-label": `Causes of the ${name}` });
  const head = `${name[0].toUpperCase()}${name.slice(1)}`;
  if (!told) {
    const text = t[column][i] === null ? `not decided by the policy: closed by ${t.closed_by[i]}` : "not explained: explain.trades takes those that won or lost most";
    box.append(whyMade("h3", {}, head), whyMade("p", { class: "note" }, text));
    return box;
  }
  const most = Math.max(...told.causes.map(([, , , share]) => Math.abs(share))) || 1;
  const rows = told.causes.map(([cause, value, back, share]) => {
    const width = 50 * Math.abs(share) / most;
    const mark = whyMade("i", { class: share >= 0 ? "up" : "down", style: `${share >= 0 ? "left" : "right"}:50%;width:${width}%` });
    return whyMade("tr", {}, whyMade("th", { scope: "row" }, cause), whyMade("td", { class: "num" }, value), whyMade("td", { class: "num" }, back),
      whyMade("td", { class: `num ${share > 0 ? "pos" : "neg"}` }, `${share > 0 ? "+" : ""}${(100 * share).toFixed(1)} %`), whyMade("td", { class: "bars" }, mark));
  });
  const heads = ["because of", "value", "seen", "share"].map((text, k) => whyMade("th", { scope: "col", ...(k ? { class: "num" } : {}) }, text));
  heads.push(whyMade("th", { scope: "col", class: "bars" }, whyMade("span", { class: "hidden" }, "bar of the share")));
  box.append(whyMade("h3", {}, `${head}, decided ${DayChart.clock(t[column][i])} ET`),
    whyMade("table", { class: "small groups" }, whyMade("thead", {}, whyMade("tr", {}, ...heads)), whyMade("tbody", {}, ...rows)),
    whyMade("p", { class: "note" }, `It looked at ${told.back}. Its logit stood ${told.target} from the mean of what was possible.`));
  return box;
}

// Called by choose(): the round trip that the chart shows, -1 for none.
function tellWhy(i) {
  const box = document.getElementById("trip-why");
  box.hidden = !why || i < 0;
  if (box.hidden) return;
  const note = "What spoke for the decision (green) and against it (red), as a share of all that did; value: as the network saw it, scaled.";
  const ends = explainedEnds(i);
  box.replaceChildren(whyMade("h3", {}, "Why this trade?"), ...(ends.length
    ? [whyMade("p", { class: "note" }, note), whyMade("div", { class: "grid" }, ...WHY_ENDS.map((end) => causesOf(i, end)))]
    : [whyMade("p", { class: "note" }, "It was not explained: explain.trades explains so many of those that won or lost most; the list's column \"why\" says which.")]));
}
