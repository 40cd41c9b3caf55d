// Draws the charts of a page in its colours, and turns it dark or light.
"use strict";

(() => {
  const root = document.documentElement, button = document.getElementById("theme");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function paint(theme) {
    root.dataset.theme = theme;
    button.textContent = theme === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-pressed", String(theme === "dark"));
    document.dispatchEvent(new Event("themechange"));
  }

  const style = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  function laid(layout) {
    const ink = style("--ink"), grey = style("--grey"), rule = style("--rule");
    const out = {
      ...layout, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: "system-ui, sans-serif", size: 13, color: ink },
      hoverlabel: { bgcolor: style("--paper"), font: { color: ink }, bordercolor: grey }, dragmode: "zoom",
    };
    for (const name of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(name)) out[name] = { gridcolor: rule, linecolor: rule, zerolinecolor: rule, tickcolor: rule, automargin: true, ...layout[name] };
    }
    return out;
  }

  // Dark colours go towards white on dark paper, by as much as makes them seen; their order in lightness stays.
  function seen(colour) {
    if (root.dataset.theme !== "dark") return colour;
    const parts = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
    const light = (0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]) / 255;
    const share = Math.max(0, 0.62 * (1 - light / 0.45));
    return `#${parts.map((part) => Math.round(part + share * (255 - part)).toString(16).padStart(2, "0")).join("")}`;
  }

  // "@ink" as a colour is that of the page.
  function inked(value) {
    const text = JSON.stringify(value).replaceAll('"@ink"', JSON.stringify(style("--ink")));
    return JSON.parse(text.replace(/"(#[0-9a-f]{6})"/g, (_, colour) => `"${seen(colour)}"`));
  }

  function draw() {
    for (const script of document.querySelectorAll("script.plotted")) {
      const { data, layout } = JSON.parse(script.textContent);
      const place = document.getElementById(script.dataset.for);
      window.Plotly.react(place, inked(data), laid(inked(layout)), { displaylogo: false, displayModeBar: false, responsive: true, scrollZoom: false });
    }
    root.dataset.drawn = "true";
  }

  dark.addEventListener("change", (event) => paint(event.matches ? "dark" : "light"));
  button.addEventListener("click", () => paint(root.dataset.theme === "dark" ? "light" : "dark"));
  paint(dark.matches ? "dark" : "light");
  if (window.Plotly) {
    draw();
    document.addEventListener("themechange", draw);
    window.addEventListener("beforeprint", () => root.dataset.theme === "dark" && paint("light"));
  }
})();
