// Dials over a grid of simulated points: what stands on the grid is read off, what lies between is multilinear in logarithms.
"use strict";

(() => {
  // Numbers as wafersim/numbers.py and report/words.py tell them; Python rounds a tie to the even digit, toFixed to the larger.
  // A tie is exact only where the value is a multiple of 5^digits halves, as binary fractions go.
  function even(value, digits) {
    if (digits < 0) {
      const unit = 10 ** -digits;
      return Math.abs(value % unit) === unit / 2 ? 2 * Math.round(value / unit / 2) * unit : null;
    }
    const halves = 2 * value * 10 ** digits;
    const tie = Math.abs(halves % 2) === 1 && halves % 5 ** digits === 0 && halves / (2 * 10 ** digits) === value;
    return tie ? 2 * Math.round(halves / 4) / 10 ** digits : null;
  }

  function fixed(value, digits) {
    const [whole, part] = (even(value, digits) ?? value).toFixed(digits).split(".");
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
    return part ? `${grouped}.${part}` : grouped;
  }

  const power = (value) => (value ? Number(value.toExponential().split("e")[1]) : 0);

  function significant(value, count) {
    return value ? Number((even(value, count - 1 - power(value)) ?? value).toExponential(count - 1)) : 0;
  }

  function three(value) {
    const rounded = significant(value, 3);
    return rounded ? fixed(rounded, Math.max(0, 2 - power(rounded))) : "0";
  }

  function seconds(value) {
    const rounded = significant(value, 3);
    return rounded < 1 ? `${three(value * 1e3)} ms` : rounded < 100 ? `${three(value)} s` : `${fixed(value, 0)} s`;
  }

  function figure(value) {
    if (value >= 1e12) return significant(value, 3).toExponential(2).replace(/e\+(\d)$/, "e+0$1");
    return significant(value, 3) >= 1000 ? fixed(value < 1e7 ? value : significant(value, 3), 0) : three(value);
  }

  const DAY = 86400;
  const TIMES = [["ms", 1e-3, 0], ["s", 1, 1], ["min", 60, 120], ["h", 3600, 5400], ["d", DAY, 2 * DAY], ["y", 365.25 * DAY, 2000 * DAY]];

  function duration(value) {
    const rounded = significant(value, 3);
    const [name, size] = TIMES.filter(([, , first]) => rounded >= first).at(-1);
    const count = value / size;
    return `${Math.abs(count) < 99.95 ? fixed(count, 1) : fixed(count, 0)} ${name}`;
  }

  function two(value) {
    if (Number.isInteger(value) && Math.abs(value) < 1000) return String(value);
    if (Math.abs(value) >= 9.95) return fixed(value, 0);
    const rounded = significant(value, 2);
    return fixed(rounded, Math.max(0, 1 - power(rounded)));
  }

  function amount(value, unit) {
    if (value < 9999.5) return `${value >= 9.95 ? fixed(value, 0) : two(value)} ${unit}`;
    for (const [letter, size] of [["T", 1e12], ["B", 1e9], ["M", 1e6], ["k", 1e3]]) {
      if (value >= 0.9995 * size) return `${two(value / size)} ${letter}${unit}`;
    }
    return `${fixed(value, 0)} ${unit}`;
  }

  function change(relative) {
    if (Math.abs(relative) < 5e-4) return "0 %";
    const sign = relative > 0 ? "+" : "-", size = Math.abs(relative);
    return `${sign}${fixed(100 * size, size >= 0.0995 ? 0 : 1)} %`;
  }

  function bandwidth(value) {
    const rounded = significant(value, 3);
    const [name, size] = [["PB/s", 1e15], ["TB/s", 1e12], ["GB/s", 1e9], ["MB/s", 1e6], ["KB/s", 1e3], ["B/s", 1]].find(([unit, least]) => rounded >= least || unit === "B/s");
    return `${Number((rounded / size).toPrecision(6))} ${name}`;
  }

  const TOLD = { step_time_s: seconds, tokens_per_s: figure, days_to_train: (days) => duration(days * DAY), cost_usd: (usd) => amount(usd, "USD") };

  // Values of a dial, which are chips, sequences or bytes/s.
  const said = (dial, value) => (dial.many ? `${fixed(value, 0)} ${value === 1 ? dial.one : dial.many}` : bandwidth(value));

  function valueAt(dial, position) {
    const below = Math.min(Math.floor(position), dial.values.length - 1), share = position - below;
    if (!share) return dial.values[below];
    const value = dial.values[below] * (dial.values[below + 1] / dial.values[below]) ** share;
    return dial.many ? Math.round(value) : value;
  }

  // The one or two places of a dial on which a value stands, with their weights; nothing beyond its ends.
  function around(dial, value) {
    const values = dial.values, place = values.indexOf(value);
    if (place >= 0) return [[place, 1]];
    if (!(values[0] < value && value < values[values.length - 1])) throw new RangeError(`${dial.label}: ${said(dial, value)} lies beyond the dial`);
    const upper = values.findIndex((each) => each > value);
    const share = Math.log(value / values[upper - 1]) / Math.log(values[upper] / values[upper - 1]);
    return [[upper - 1, 1 - share], [upper, share]];
  }

  function reading(grid, setting) {
    let corners = [{ index: 0, weight: 1, where: [] }];
    grid.dials.forEach((dial, axis) => {
      const places = around(dial, setting[axis]);
      corners = corners.flatMap(({ index, weight, where }) => places.map(([place, share]) => ({
        index: index * dial.values.length + place, weight: weight * share, where: [...where, dial.written[place]],
      })));
    });
    const simulated = corners.length === 1, values = {}, points = corners.length;
    for (const { index, where } of corners) {
      const reason = grid.reason_of[index];
      if (reason !== null) return { simulated, points, values, infeasible: `${where.join(", ")}: ${grid.reasons[reason]}` };
    }
    for (const name of Object.keys(TOLD)) {
      const column = grid.columns[name], found = corners.map(({ index }) => column[index]);
      if (found.includes(null)) values[name] = null;
      else values[name] = simulated ? found[0] : Math.exp(corners.reduce((sum, { weight }, at) => sum + weight * Math.log(found[at]), 0));
    }
    return { simulated, points, values, infeasible: null };
  }

  function show(element) {
    const grid = JSON.parse(element.querySelector("script").textContent);
    const inputs = [...element.querySelectorAll("input")], outputs = [...element.querySelectorAll("output")];
    const box = element.querySelector(".reading"), how = box.querySelector(".how"), back = element.querySelector("button");
    const point = reading(grid, grid.dials.map((dial) => dial.values[dial.at])).values;

    function turn() {
      const setting = grid.dials.map((dial, axis) => valueAt(dial, Number(inputs[axis].value)));
      const found = reading(grid, setting), moved = grid.dials.some((dial, axis) => setting[axis] !== dial.values[dial.at]);
      grid.dials.forEach((dial, axis) => {
        outputs[axis].textContent = said(dial, setting[axis]);
        inputs[axis].setAttribute("aria-valuetext", said(dial, setting[axis]));
      });
      box.dataset.said = found.infeasible ? "nothing" : found.simulated ? "simulated" : "interpolated";
      if (found.infeasible) how.textContent = found.simulated ? `Cannot run. ${found.infeasible}.` : `Not known here, beside a point that cannot run. ${found.infeasible}.`;
      else if (found.simulated) how.textContent = moved ? "Simulated." : "The point, simulated.";
      else how.textContent = `Interpolated between ${found.points} simulated points.`;
      for (const cell of box.querySelectorAll("dd[data-measure]")) {
        const name = cell.dataset.measure, value = found.values[name];
        cell.textContent = value === undefined || value === null ? "-" : TOLD[name](value);
        let beside = cell.parentElement.querySelector(".change");
        if (!beside) cell.after(beside = Object.assign(document.createElement("dd"), { className: "change" }));
        beside.textContent = moved && value && point[name] ? change(value / point[name] - 1) : "";
      }
      back.disabled = !moved;
    }

    for (const input of inputs) input.addEventListener("input", turn);
    back.addEventListener("click", () => {
      inputs.forEach((input, axis) => { input.value = grid.dials[axis].at; });
      turn();
      inputs[0].focus(); // a button that is disabled keeps no focus
    });
    turn();
  }

  for (const element of document.querySelectorAll(".dials")) show(element);
  window.wafersimDials = { reading, said, valueAt, TOLD, change };
})();
