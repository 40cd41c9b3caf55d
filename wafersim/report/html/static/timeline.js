// A step as lanes of slices on a canvas: zoom, pan, point at, and walk through it by keyboard.
// The page's data: columns start, end (parts of 2^32 - 1 of the step), lane, kind, pass, critical; `said` is a line of JSON members a slice.
"use strict";

(() => {
  const LANE = 20, HEAD = 26, COUNTER = 34, LEFT_WIDE = 210, LEFT_NARROW = 96, TOP = 24, FULL = 2 ** 32 - 1;

  async function unzipped(text) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  }

  const digits = (x) => (x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2));
  function time(seconds) {
    const size = Math.abs(seconds);
    if (size >= 1) return `${digits(seconds)} s`;
    if (size >= 1e-3) return `${digits(seconds * 1e3)} ms`;
    if (size >= 1e-6) return `${digits(seconds * 1e6)} µs`;
    return `${digits(seconds * 1e9)} ns`;
  }
  function amount(value, unit) {
    const scale = [[1e18, "E"], [1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([least]) => value >= least);
    return scale ? `${digits(value / scale[0])} ${scale[1]}${unit}` : `${Number.isInteger(value) ? value : digits(value)} ${unit}`;
  }

  class Timeline {
    constructor(root, data, columns, said) {
      this.root = root;
      this.data = data;
      this.said = said;
      const n = data.slices;
      this.start = new Uint32Array(columns, 0, n);
      this.end = new Uint32Array(columns, 4 * n, n);
      this.lane = new Uint8Array(columns, 8 * n, n);
      this.kind = new Uint8Array(columns, 9 * n, n);
      this.pass = new Uint8Array(columns, 10 * n, n);
      this.critical = new Uint8Array(columns, 11 * n, n);
      this.n = n;
      this.from = 0;
      this.to = 1;
      this.selected = -1;
      this.only = false;
      this.wanted = null;
      this.canvas = root.querySelector("canvas");
      this.live = root.querySelector(".selected");
      this.tip = root.querySelector(".tip");
      this.layOut();
      this.listen();
      new ResizeObserver(() => this.draw()).observe(this.canvas.parentElement);
      document.addEventListener("themechange", () => this.draw());
      this.draw();
      root.dataset.ready = "true";
    }

    // Rows from the top: the critical circuit, then processes with their lanes, then counters.
    layOut() {
      const rows = [];
      let y = TOP;
      if (this.data.has_critical) {
        rows.push({ type: "critical", y, label: "critical circuit" });
        y += LANE + 8;
      }
      let process = null;
      this.data.lanes.forEach(([of, name], lane) => {
        if (of !== process) {
          rows.push({ type: "head", y, label: of });
          y += HEAD;
          process = of;
        }
        rows.push({ type: "lane", lane, y, label: name, process: of });
        y += LANE;
      });
      for (const counter of this.data.counters) {
        rows.push({ type: "counter", counter, y: y + 6, label: `${counter.name}, ${counter.unit}`, process: counter.process });
        y += COUNTER + 6;
      }
      this.rows = rows;
      this.height = y + 6;
      this.firstOf = new Array(this.data.lanes.length).fill(-1);
      this.lastOf = new Array(this.data.lanes.length).fill(-1);
      for (let i = 0; i < this.n; i++) {
        if (this.firstOf[this.lane[i]] < 0) this.firstOf[this.lane[i]] = i;
        this.lastOf[this.lane[i]] = i;
      }
      this.circuit = [...Array(this.n).keys()].filter((i) => this.critical[i]).sort((a, b) => this.start[a] - this.start[b]);
    }

    colour(i) {
      const kind = this.data.kinds[this.kind[i]];
      return this.data.colours[kind] || this.data.pass_colours[this.data.passes[this.pass[i]]] || "#888";
    }

    describe(i) {
      return JSON.parse(`{${this.said[i]}}`);
    }

    matches(i) {
      return this.wanted === null || this.wanted[i];
    }

    x(part) {
      return this.left + ((part - this.from) / (this.to - this.from)) * this.width;
    }

    part(x) {
      return this.from + ((x - this.left) / this.width) * (this.to - this.from);
    }

    draw() {
      const box = this.canvas.parentElement.clientWidth;
      this.left = box < 640 ? LEFT_NARROW : LEFT_WIDE;
      this.width = Math.max(50, box - this.left - 8);
      const ratio = window.devicePixelRatio || 1;
      this.canvas.style.height = `${this.height}px`;
      this.canvas.width = Math.round(box * ratio);
      this.canvas.height = Math.round(this.height * ratio);
      const c = this.canvas.getContext("2d");
      const style = getComputedStyle(this.root);
      this.ink = style.getPropertyValue("--ink").trim();
      this.grey = style.getPropertyValue("--grey").trim();
      this.rule = style.getPropertyValue("--rule").trim();
      this.paper = style.getPropertyValue("--paper").trim();
      c.setTransform(ratio, 0, 0, ratio, 0, 0);
      c.fillStyle = this.paper;
      c.fillRect(0, 0, box, this.height);
      this.ruler(c);
      for (const row of this.rows) this.row(c, row);
      if (this.selected >= 0) this.frame(c);
    }

    ruler(c) {
      const seconds = (this.to - this.from) * this.data.seconds;
      const rough = seconds / Math.max(2, this.width / 110);
      const power = 10 ** Math.floor(Math.log10(rough));
      const pace = [1, 2, 5, 10].map((f) => f * power).find((f) => f >= rough);
      c.font = "11px system-ui, sans-serif";
      c.textBaseline = "middle";
      c.textAlign = "left";
      for (let at = Math.ceil((this.from * this.data.seconds) / pace) * pace; at <= this.to * this.data.seconds; at += pace) {
        const x = this.x(at / this.data.seconds);
        c.strokeStyle = this.rule;
        c.beginPath();
        c.moveTo(x + 0.5, TOP - 6);
        c.lineTo(x + 0.5, this.height);
        c.stroke();
        c.fillStyle = this.grey;
        if (x + 50 < this.left + this.width) c.fillText(Math.abs(at) < pace / 1e6 ? "0" : time(at), x + 3, 9);
      }
    }

    label(c, text, y, strong) {
      c.font = `${strong ? "600 " : ""}12px system-ui, sans-serif`;
      c.textBaseline = "middle";
      c.fillStyle = strong ? this.ink : this.grey;
      let said = text;
      const room = strong ? this.left + this.width : this.left - 8;
      while (c.measureText(said).width > room && said.length > 2) said = `${said.slice(0, -2)}…`;
      c.fillText(said, 0, y);
    }

    row(c, row) {
      if (row.type === "head") {
        this.label(c, row.label, row.y + HEAD - 9, true);
        return;
      }
      if (row.type === "counter") {
        this.counter(c, row);
        return;
      }
      this.label(c, row.label, row.y + LANE / 2, row.type === "critical");
      c.save();
      c.beginPath();
      c.rect(this.left, row.y, this.width, LANE);
      c.clip();
      if (row.type === "critical") {
        for (const i of this.circuit) this.slice(c, i, row.y);
      } else if (this.firstOf[row.lane] >= 0) {
        this.slices(c, this.firstOf[row.lane], this.lastOf[row.lane], row.y);
      }
      c.restore();
    }

    // Slices that end on the pixel of the last one are not drawn again: a step has more of them than a screen has pixels.
    slices(c, first, last, y) {
      let until = -1;
      const low = this.from * FULL, high = this.to * FULL;
      for (let i = this.after(first, last, low); i <= last && this.start[i] < high; i++) {
        const right = Math.ceil(this.x(this.end[i] / FULL));
        if (right <= until && i !== this.selected && this.wanted === null) continue;
        this.slice(c, i, y);
        until = Math.max(until, right);
      }
    }

    after(first, last, low) {
      let a = first, b = last;
      while (a < b) {
        const middle = (a + b) >> 1;
        if (this.end[middle] < low) a = middle + 1;
        else b = middle;
      }
      return Math.max(first, a - 1);
    }

    slice(c, i, y) {
      const x = this.x(this.start[i] / FULL), right = this.x(this.end[i] / FULL);
      if (right < this.left || x > this.left + this.width) return;
      const width = Math.max(1, right - x - (right - x > 4 ? 0.7 : 0));
      c.globalAlpha = (this.only && !this.critical[i]) || !this.matches(i) ? 0.16 : 1;
      c.fillStyle = this.colour(i);
      c.fillRect(x, y + 2, width, LANE - 4);
      if (this.critical[i]) {
        c.fillStyle = this.ink;
        c.fillRect(x, y + LANE - 3.5, width, 2);
      }
      if (width > 46) {
        c.font = "11px system-ui, sans-serif";
        c.fillStyle = inkOn(this.colour(i));
        const name = this.describe(i).name;
        const shown = Math.max(x, this.left);
        const room = Math.min(right, this.left + this.width) - shown - 6;
        if (c.measureText(name).width < room) c.fillText(name, shown + 3, y + LANE / 2);
      }
      c.globalAlpha = 1;
    }

    counter(c, row) {
      const { at, values } = row.counter;
      const most = Math.max(...values, 1e-30);
      this.label(c, row.label, row.y + COUNTER / 2 - 6, false);
      const unit = row.counter.unit === "bytes" ? "B" : row.counter.unit;
      this.label(c, `up to ${amount(most, unit)}`, row.y + COUNTER / 2 + 8, false);
      c.save();
      c.beginPath();
      c.rect(this.left, row.y, this.width, COUNTER);
      c.clip();
      c.beginPath();
      c.moveTo(this.x(0), row.y + COUNTER);
      let before = 0;
      for (let i = 0; i < at.length; i++) {
        c.lineTo(this.x(at[i]), row.y + COUNTER * (1 - (0.94 * before) / most));
        c.lineTo(this.x(at[i]), row.y + COUNTER * (1 - (0.94 * values[i]) / most));
        before = values[i];
      }
      c.lineTo(this.x(1), row.y + COUNTER * (1 - (0.94 * before) / most));
      c.lineTo(this.x(1), row.y + COUNTER);
      c.fillStyle = this.grey;
      c.globalAlpha = 0.35;
      c.fill();
      c.globalAlpha = 1;
      c.restore();
    }

    frame(c) {
      const i = this.selected;
      const row = this.rows.find((each) => each.type === "lane" && each.lane === this.lane[i]);
      const x = Math.max(this.left, this.x(this.start[i] / FULL)), right = Math.min(this.left + this.width, this.x(this.end[i] / FULL));
      if (right < this.left || x > this.left + this.width) return;
      c.strokeStyle = this.ink;
      c.lineWidth = 2;
      c.strokeRect(x - 1, row.y + 1, Math.max(3, right - x + 2), LANE - 2);
      c.lineWidth = 1;
    }

    at(x, y) {
      const row = this.rows.find((each) => (each.type === "lane" || each.type === "critical") && y >= each.y && y < each.y + LANE);
      if (!row || x < this.left) return -1;
      const low = this.part(x - 2) * FULL, high = this.part(x + 2) * FULL;
      const among = row.type === "critical" ? this.circuit : null;
      let found = -1, best = Infinity;
      const consider = (i) => {
        if (this.end[i] < low || this.start[i] > high) return;
        const middle = (low + high) / 2;
        const apart = this.start[i] <= middle && middle <= this.end[i] ? 0 : 1;
        if (apart < best) [found, best] = [i, apart];
      };
      if (among) among.forEach(consider);
      else if (this.firstOf[row.lane] >= 0) {
        for (let i = this.after(this.firstOf[row.lane], this.lastOf[row.lane], low); i <= this.lastOf[row.lane] && this.start[i] <= high; i++) consider(i);
      }
      return found;
    }

    // [what, how much] of a slice, in the order in which it is read.
    facts(i) {
      const said = this.describe(i);
      const [process, lane] = this.data.lanes[this.lane[i]];
      const from = (this.start[i] / FULL) * this.data.seconds, to = (this.end[i] / FULL) * this.data.seconds;
      const facts = [["where", `${process}, ${lane}`], ["time", `${time(to - from)} from ${time(from)} on`]];
      const words = { pass: "pass", micro_batch: "micro-batch", layer: "layer", ops: "operations", chunk: "chunk", stage: "stage", unit: "unit", parameters: "parameters" };
      for (const [key, word] of Object.entries(words)) if (key in said) facts.push([word, typeof said[key] === "number" ? said[key].toLocaleString("en") : said[key]]);
      if ("bytes" in said) facts.push(["bytes", amount(said.bytes, "B")]);
      if ("sent_bytes" in said) facts.push(["bytes sent", amount(said.sent_bytes, "B")]);
      if ("hbm_bytes" in said) facts.push(["bytes in HBM", amount(said.hbm_bytes, "B")]);
      if ("matmul_flops" in said) facts.push(["FLOPs of matmuls", amount(said.matmul_flops, "FLOP")]);
      if ("busy_us" in said) facts.push(["of it busy", time(said.busy_us / 1e6)]);
      if (said.waited_us) for (const [what, us] of Object.entries(said.waited_us)) facts.push([`waited before it: ${what}`, time(us / 1e6)]);
      if (this.critical[i]) facts.push(["critical", "on the circuit that sets the step time"]);
      return { name: said.name, facts };
    }

    show(i, target) {
      const { name, facts } = this.facts(i);
      target.replaceChildren();
      const head = document.createElement("strong");
      head.textContent = name;
      const list = document.createElement("dl");
      for (const [what, much] of facts) {
        const dt = document.createElement("dt"), dd = document.createElement("dd");
        dt.textContent = what;
        dd.textContent = much;
        list.append(dt, dd);
      }
      target.append(head, list);
    }

    select(i) {
      if (i < 0) return;
      this.selected = i;
      const a = this.start[i] / FULL, b = this.end[i] / FULL;
      const span = this.to - this.from;
      if (b < this.from || a > this.to || (a < this.from && b - a < span)) this.move((a + b) / 2 - span / 2 - this.from);
      this.show(i, this.live);
      this.draw();
    }

    move(by) {
      const span = this.to - this.from;
      this.from = Math.min(1 - span, Math.max(0, this.from + by));
      this.to = this.from + span;
      this.draw();
    }

    zoom(factor, around) {
      const span = Math.min(1, Math.max(1e-7, (this.to - this.from) * factor));
      const share = (around - this.from) / (this.to - this.from);
      this.from = Math.min(1 - span, Math.max(0, around - share * span));
      this.to = this.from + span;
      this.draw();
    }

    // The middle of what is selected, if it is in sight, else of the window.
    focus() {
      const middle = this.selected < 0 ? -1 : (this.start[this.selected] + this.end[this.selected]) / 2 / FULL;
      return middle >= this.from && middle <= this.to ? middle : (this.from + this.to) / 2;
    }

    step(by) {
      if (this.selected < 0) return this.select(this.after(0, this.lastOf[this.lane[0]], this.from * FULL));
      const lane = this.lane[this.selected];
      const next = Math.min(this.lastOf[lane], Math.max(this.firstOf[lane], this.selected + by));
      return this.select(next);
    }

    lanes(by) {
      if (this.selected < 0) return this.step(0);
      let lane = this.lane[this.selected] + by;
      while (lane >= 0 && lane < this.firstOf.length && this.firstOf[lane] < 0) lane += by;
      if (lane < 0 || lane >= this.firstOf.length) return undefined;
      const middle = (this.start[this.selected] + this.end[this.selected]) / 2;
      return this.select(this.after(this.firstOf[lane], this.lastOf[lane], middle));
    }

    nextCritical(by) {
      if (!this.circuit.length) return;
      const at = this.selected < 0 ? -1 : this.circuit.indexOf(this.selected);
      const now = this.selected < 0 ? 0 : this.start[this.selected];
      const next = at >= 0 ? at + by : this.circuit.findIndex((i) => this.start[i] >= now);
      this.select(this.circuit[Math.min(this.circuit.length - 1, Math.max(0, next))]);
    }

    key(event) {
      const span = this.to - this.from;
      const does = {
        ArrowRight: () => (event.shiftKey ? this.move(0.2 * span) : this.step(1)),
        ArrowLeft: () => (event.shiftKey ? this.move(-0.2 * span) : this.step(-1)),
        ArrowDown: () => this.lanes(1),
        ArrowUp: () => this.lanes(-1),
        "+": () => this.zoom(0.5, this.focus()),
        "=": () => this.zoom(0.5, this.focus()),
        "-": () => this.zoom(2, this.focus()),
        0: () => this.zoom(1e9, 0.5),
        n: () => this.nextCritical(1),
        p: () => this.nextCritical(-1),
      }[event.key];
      if (!does || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      does();
    }

    filter(text) {
      const asked = text.trim().toLowerCase();
      if (!asked) this.wanted = null;
      else {
        this.wanted = new Uint8Array(this.n);
        for (let i = 0; i < this.n; i++) this.wanted[i] = this.said[i].toLowerCase().includes(asked) ? 1 : 0;
      }
      const count = this.wanted === null ? null : this.wanted.reduce((a, b) => a + b, 0);
      this.root.querySelector(".found").textContent = count === null ? "" : `${count.toLocaleString("en")} of ${this.n.toLocaleString("en")} slices`;
      this.draw();
    }

    listen() {
      const canvas = this.canvas, fingers = new Map();
      const place = (event) => {
        const box = canvas.getBoundingClientRect();
        return [event.clientX - box.left, event.clientY - box.top];
      };
      let dragged = 0, pinch = 0;
      canvas.addEventListener("keydown", (event) => this.key(event));
      canvas.addEventListener("wheel", (event) => {
        if (!event.ctrlKey && !event.shiftKey) return; // the page scrolls
        event.preventDefault();
        const [x] = place(event);
        this.zoom(2 ** ((event.deltaY || event.deltaX) / 200), this.part(x));
      }, { passive: false });
      canvas.addEventListener("pointerdown", (event) => {
        fingers.set(event.pointerId, place(event));
        canvas.setPointerCapture(event.pointerId);
        dragged = 0;
        pinch = 0;
      });
      canvas.addEventListener("pointermove", (event) => {
        const [x, y] = place(event);
        if (fingers.has(event.pointerId)) {
          const [before] = fingers.get(event.pointerId);
          fingers.set(event.pointerId, [x, y]);
          if (fingers.size === 2) {
            const [[one], [other]] = [...fingers.values()];
            const apart = Math.max(8, Math.abs(one - other));
            if (pinch) this.zoom(pinch / apart, this.part((one + other) / 2));
            pinch = apart;
          } else {
            dragged += Math.abs(x - before);
            this.move(((before - x) / this.width) * (this.to - this.from));
          }
          this.tip.hidden = true;
          return;
        }
        const i = this.at(x, y);
        this.tip.hidden = i < 0;
        canvas.style.cursor = i < 0 ? "grab" : "pointer";
        if (i < 0) return;
        this.show(i, this.tip);
        const room = canvas.clientWidth - this.tip.offsetWidth - 4;
        this.tip.style.left = `${Math.max(0, Math.min(room, x + 14))}px`;
        this.tip.style.top = `${y + 18}px`;
      });
      const up = (event) => {
        const [x, y] = place(event);
        if (fingers.delete(event.pointerId) && dragged < 4 && !pinch) this.select(this.at(x, y));
      };
      canvas.addEventListener("pointerup", up);
      canvas.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
      canvas.addEventListener("pointerleave", () => { this.tip.hidden = true; });
      canvas.addEventListener("dblclick", (event) => this.zoom(0.25, this.part(place(event)[0])));
      const does = { in: () => this.zoom(0.5, this.focus()), out: () => this.zoom(2, this.focus()), all: () => this.zoom(1e9, 0.5), next: () => this.nextCritical(1) };
      for (const button of this.root.querySelectorAll("button[data-do]")) button.addEventListener("click", does[button.dataset.do]);
      this.root.querySelector("input[type=checkbox]")?.addEventListener("change", (event) => { this.only = event.target.checked; this.draw(); });
      this.root.querySelector("input[type=search]").addEventListener("input", (event) => this.filter(event.target.value));
    }
  }

  function inkOn(colour) {
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
    return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#1b1f22" : "#ffffff";
  }

  window.timelines = Promise.all([...document.querySelectorAll(".timeline")].map(async (root) => {
    const data = JSON.parse(root.querySelector("script").textContent);
    const [columns, said] = await Promise.all([unzipped(data.columns), unzipped(data.said)]);
    return new Timeline(root, data, columns, new TextDecoder().decode(said).split("\n"));
  }));
})();
