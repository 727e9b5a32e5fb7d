// Colours by name and theme, for what is drawn rather than styled.
"use strict";

const Palette = (() => {
  const LIGHT = ["#2f7df6", "#f08c00", "#9a5cf0", "#12a594", "#e64980", "#5c7cfa", "#82a70f", "#c2255c", "#0c8599", "#868e96"];
  const DARK = ["#5ba0ff", "#ffa94d", "#b98cff", "#38d9c5", "#ff7eb0", "#91a7ff", "#b4d33b", "#f06595", "#3bc9db", "#adb5bd"];
  const theme = () => document.documentElement.dataset.theme || "light";
  const value = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const colour = (name, alpha) => {
    const found = /^c\d+$/.test(name) ? (theme() === "dark" ? DARK : LIGHT)[+name.slice(1) % LIGHT.length] : value(name) || name;
    return alpha === undefined ? found : found + Math.round(alpha * 255).toString(16).padStart(2, "0");
  };
  // Plain data in which every {"color": name} and the like is replaced by the colour.
  const resolved = (node) => {
    if (Array.isArray(node)) return node.map(resolved);
    if (!node || typeof node !== "object") return node;
    return Object.fromEntries(Object.entries(node).map(([key, each]) =>
      [key, key === "colorscale" ? each.map(([at, name]) => [at, colour(name)]) : /colou?r$/i.test(key) && typeof each === "string" ? colour(each)
        : /colou?r$/i.test(key) && Array.isArray(each) ? each.map((c) => (typeof c === "string" ? colour(c) : c)) : resolved(each)]));
  };
  return { theme, colour, resolved };
})();
