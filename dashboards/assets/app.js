// What pages do beyond links and forms: live updates, dialogs, countdowns, plots. Every page works without it.
"use strict";
(() => {
  const words = document.body.dataset;
  const isChinese = document.documentElement.lang.startsWith("zh");
  // The gateway's clock, which a demo runs faster than this machine's, and which may differ from it anyhow.
  const clock = { start: Number(words.now), began: performance.now(), speed: Number(words.speed) || 1 };
  const gatewayNow = () => clock.start + (performance.now() - clock.began) * clock.speed;
  const units = isChinese ? ["天", "小时", "分钟", "秒"] : ["d", "h", "min", "s"];

  // ---- spans and instants, in the words of phrase.rs ----
  function span(ms) {
    const s = Math.floor(Math.abs(ms) / 1000), d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
    const pair = (a, au, b, bu) => (b ? `${a} ${au} ${b} ${bu}` : `${a} ${au}`);
    if (d >= 10) return `${d} ${units[0]}`;
    if (d > 0) return pair(d, units[0], h, units[1]);
    if (h > 0) return pair(h, units[1], m, units[2]);
    return m > 0 ? `${m} ${units[2]}` : `${s} ${units[3]}`;
  }
  function ago(ms) {
    if (Math.abs(ms) < 5000) return isChinese ? "刚刚" : "now";
    if (isChinese) return span(ms) + (ms > 0 ? "前" : "后");
    return ms > 0 ? `${span(ms)} ago` : `in ${span(ms)}`;
  }
  function tick() {
    const now = gatewayNow();
    for (const el of document.querySelectorAll("time[data-ago]")) el.textContent = ago(now - Date.parse(el.dateTime));
    for (const el of document.querySelectorAll("time[data-clock]")) {
      el.textContent = new Date(el.dateTime).toLocaleString(document.documentElement.lang, { dateStyle: "short", timeStyle: "short", hourCycle: "h23" });
    }
    for (const el of document.querySelectorAll("time[data-countdown]")) {
      const left = Date.parse(el.dateTime) - now;
      el.textContent = (left > 0 ? words.left : words.over).replace("{}", span(left));
      const row = el.closest(".clock");
      if (row && left <= 0) { row.classList.remove("running"); row.classList.add("breached"); }
    }
  }
  setInterval(tick, 1000);
  tick();

  // ---- live regions: fetched anew when something they show has changed, at most once in two seconds ----
  const kinds = ["alarm", "ticket", "incident", "fleet"];
  const wait = new Map();
  function refresh(kind) {
    const region = document.querySelector("#live");
    if (!region || !region.dataset.live.split(",").includes(kind) || wait.has(region.id)) return;
    wait.set(region.id, setTimeout(() => {
      wait.delete(region.id);
      const current = document.querySelector("#live");
      // Somebody is choosing in it just now: look again later.
      const busy = current && (document.activeElement instanceof HTMLSelectElement) && current.contains(document.activeElement);
      if (busy) return refresh(kind);
      if (current && window.htmx) htmx.trigger(current, "forewarn:refresh");
    }, 2000));
  }
  // The region is replaced as a whole: keep where the board was scrolled to and which button had the focus.
  let kept = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id !== "live") return;
    const board = document.querySelector("#board"), focus = document.activeElement;
    const path = focus && focus.closest("#live") && (focus.getAttribute("href") || (focus.form && focus.form.getAttribute("action")));
    kept = { left: board ? board.scrollLeft : 0, path };
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    tick();
    if (event.detail.target.id === "dialog-body") {
      document.querySelector("#dialog").showModal();
      const first = event.detail.target.querySelector("select, input:not([type=hidden])");
      if (first) first.focus();
    }
    if (!kept) return;
    const board = document.querySelector("#board");
    if (board) board.scrollLeft = kept.left;
    if (kept.path) {
      const again = [...document.querySelectorAll("#live a, #live button")].find((el) => el.getAttribute("href") === kept.path || (el.form && el.form.getAttribute("action") === kept.path));
      if (again) again.focus({ preventScroll: true });
    }
    kept = null;
  });

  // ---- the stream; closed while the page is hidden, because browsers allow few connections per host ----
  let stream = null, wasLost = false;
  const link = document.querySelector("#link");
  function say(isUp) {
    if (!link) return;
    link.hidden = false;
    link.textContent = isUp ? words.live : words.reconnecting;
    link.classList.toggle("lost", !isUp);
  }
  function open() {
    if (stream || !words.stream) return;
    stream = new EventSource(words.stream);
    stream.onopen = () => {
      say(true);
      // What happened while the line was down is not in the stream.
      if (wasLost) { kinds.forEach(refresh); plots.load(); }
      wasLost = false;
    };
    stream.onerror = () => {
      wasLost = true;
      say(false);
      if (stream.readyState === EventSource.CLOSED) { stream = null; setTimeout(open, 3000); }
    };
    for (const kind of kinds) stream.addEventListener(kind, () => refresh(kind));
    stream.addEventListener("reading", (event) => plots.live(JSON.parse(event.data)));
    stream.addEventListener("resync", () => { kinds.forEach(refresh); plots.load(); });
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { if (stream) { stream.close(); stream = null; } return; }
    open();
    kinds.forEach(refresh);
    plots.load();
  });
  window.addEventListener("pagehide", () => { if (stream) { stream.close(); stream = null; } });

  // ---- forms that change something: sent in place, answered by a toast ----
  function toast(text, isBad) {
    const el = document.createElement("div");
    el.className = isBad ? "toast bad" : "toast";
    el.textContent = text;
    document.querySelector("#toasts").append(el);
    setTimeout(() => el.remove(), isBad ? 9000 : 3000);
  }
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-action]") || !window.fetch) return;
    event.preventDefault();
    const button = event.submitter;
    if (button && button.ariaBusy) return;
    if (button) button.setAttribute("aria-busy", "true");
    try {
      const body = new URLSearchParams(new FormData(form));
      if (button && button.name) body.set(button.name, button.value);
      const answer = await fetch(form.getAttribute("action"), {
        method: "POST", body, headers: { "X-Forewarn": "1", Accept: "application/problem+json" }, redirect: "manual",
      });
      if (answer.type === "opaqueredirect" || answer.ok) {
        const dialog = document.querySelector("#dialog");
        if (dialog.open) dialog.close();
        // A page whose forms stand outside its live region is shown anew as a whole.
        if (form.hasAttribute("data-leave") || !document.querySelector("#live")) return location.reload();
        toast(words.done, false);
        htmx.trigger(document.querySelector("#live"), "forewarn:refresh");
      } else {
        const problem = await answer.json().catch(() => ({}));
        toast(`${words.notDone}: ${problem.detail || problem.title || answer.status}`, true);
      }
    } catch (error) {
      toast(`${words.notDone}: ${error.message}`, true);
    } finally {
      if (button) button.removeAttribute("aria-busy");
    }
  });

  // ---- files of a ticket: the body is the file, its name a parameter ----
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-upload]") || !window.fetch) return;
    event.preventDefault();
    const file = form.querySelector("input[type=file]").files[0];
    if (!file) return;
    try {
      const answer = await fetch(`${form.getAttribute("action")}?name=${encodeURIComponent(file.name)}`, {
        method: "POST", body: file,
        headers: { "X-Forewarn": "1", Accept: "application/json", "Content-Type": file.type || "application/octet-stream" },
      });
      if (answer.ok) return location.reload();
      const problem = await answer.json().catch(() => ({}));
      toast(`${words.notDone}: ${problem.detail || problem.title || answer.status}`, true);
    } catch (error) {
      toast(`${words.notDone}: ${error.message}`, true);
    }
  });

  // ---- plots ----
  const plots = (() => {
    const root = document.querySelector(".plots");
    const rangeS = root ? Number(root.dataset.rangeS) : 0;
    const MOST_POINTS = 4000;
    const all = new Map();
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    const short = (v) => (v == null ? "" : Math.abs(v) >= 1e6 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(1) : String(Number(v.toPrecision(6))));
    const four = (v) => (v == null ? "–" : String(Number(v.toPrecision(4))));

    function limitsOf(el) { try { return JSON.parse(el.dataset.limits || "[]"); } catch { return []; } }

    // Expected range, alarm spans and limits, behind and over the line.
    function decorate(plot) {
      const limits = limitsOf(plot.el), low = Number(plot.el.dataset.low), high = Number(plot.el.dataset.high);
      const hasRange = plot.el.dataset.low !== undefined;
      const clip = (u, draw) => { const { left, top, width, height } = u.bbox; u.ctx.save(); u.ctx.beginPath(); u.ctx.rect(left, top, width, height); u.ctx.clip(); draw(left, top, width, height); u.ctx.restore(); };
      return {
        hooks: {
          drawClear: [(u) => clip(u, (left, top, width, height) => {
            if (hasRange) {
              const y = u.valToPos(high, "y", true), h = u.valToPos(low, "y", true) - y;
              u.ctx.fillStyle = colour("expected");
              u.ctx.fillRect(left, y, width, h);
            }
            for (const s of plot.spans) {
              const x0 = u.valToPos(s.from, "x", true), x1 = s.to === null ? left + width : u.valToPos(s.to, "x", true);
              u.ctx.fillStyle = colour(s.severity === "critical" ? "critical-bg" : "warning-bg");
              u.ctx.fillRect(x0, top, Math.max(x1 - x0, 2), height);
              u.ctx.fillStyle = colour(s.severity);
              u.ctx.fillRect(x0, top, Math.max(x1 - x0, 2), 3 * devicePixelRatio);
            }
          })],
          draw: [(u) => clip(u, (left, top, width) => {
            for (const [severity, value] of limits) {
              const y = Math.round(u.valToPos(value, "y", true)) + 0.5;
              u.ctx.strokeStyle = colour(severity);
              u.ctx.lineWidth = 1.3 * devicePixelRatio;
              u.ctx.setLineDash(severity === "critical" ? [] : severity === "warning" ? [6, 4] : [2, 3]);
              u.ctx.beginPath(); u.ctx.moveTo(left, y); u.ctx.lineTo(left + width, y); u.ctx.stroke();
            }
          })],
          setCursor: [(u) => {
            const i = u.cursor.idx;
            if (i == null || u.data[1][i] == null || u.cursor.left < 0) { plot.tip.hidden = true; return; }
            const at = new Date(u.data[0][i] * 1000).toLocaleTimeString(document.documentElement.lang, { hourCycle: "h23" });
            const unit = plot.el.dataset.unit, [min, mean, max] = [u.data[2][i], u.data[1][i], u.data[3][i]];
            plot.tip.textContent = min === max ? `${at}  ${four(mean)} ${unit}` : `${at}  ${four(mean)} ${unit} (${four(min)}–${four(max)})`;
            plot.tip.hidden = false;
            const room = u.over.clientWidth - plot.tip.offsetWidth;
            plot.tip.style.left = `${Math.max(0, Math.min(room, u.cursor.left + 12)) + u.over.offsetLeft}px`;
            plot.tip.style.top = `${u.over.offsetTop + 4}px`;
          }],
        },
      };
    }

    // The scale shows the data, and those limits that are near enough to matter.
    function scale(plot, min, max) {
      if (min == null || max == null) return [0, 1];
      const size = Math.max(max - min, Math.abs(max) * 0.02, 1e-9);
      let [low, high] = [min, max];
      const near = limitsOf(plot.el).map((l) => l[1]);
      if (plot.el.dataset.low !== undefined) near.push(Number(plot.el.dataset.low), Number(plot.el.dataset.high));
      const reach = Math.max(3 * size, 0.6 * Math.abs(max));
      for (const value of near) if (value > min - reach && value < max + reach) { low = Math.min(low, value); high = Math.max(high, value); }
      const pad = Math.max((high - low) * 0.08, size * 0.05);
      return [low - pad, high + pad];
    }

    function build(plot) {
      const line = colour("plot"), grid = { stroke: colour("line"), width: 1 };
      const axis = { stroke: colour("mute"), grid, ticks: { ...grid, size: 4 }, font: "11px system-ui, sans-serif" };
      const day = (u, splits) => {
        const long = splits.length > 1 && splits[splits.length - 1] - splits[0] > 86400 * 1.5;
        return splits.map((s) => new Date(s * 1000).toLocaleString(document.documentElement.lang, long ? { month: "numeric", day: "numeric", hour: "2-digit", hourCycle: "h23" } : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }));
      };
      plot.box.replaceChildren();
      plot.u = new uPlot({
        width: plot.box.clientWidth, height: plot.box.clientHeight, pxAlign: 0,
        cursor: { drag: { x: false, y: false }, points: { size: 6 }, y: false },
        legend: { show: false },
        scales: { x: { range: (u, min, max) => plot.window(min, max) }, y: { range: (u, min, max) => scale(plot, min, max) } },
        axes: [{ ...axis, size: 26, space: 70, values: day }, { ...axis, size: 52, space: 32, values: (u, splits) => splits.map(short) }],
        series: [{}, { stroke: line, width: 1.6, points: { show: false } }, { stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } }],
        bands: [{ series: [3, 2], fill: colour("plot-band") }],
        plugins: [decorate(plot)],
      }, plot.data, plot.box);
      plot.tip = document.createElement("div");
      plot.tip.className = "tip";
      plot.tip.hidden = true;
      plot.box.append(plot.tip);
    }

    async function fetchInto(plot) {
      if (plot.busy) return;
      plot.busy = true;
      const to = gatewayNow(), query = [`max_points=${Math.max(200, Math.min(1500, plot.box.clientWidth * 2))}`, `to=${new Date(to + 1000).toISOString()}`];
      if (rangeS > 0) query.push(`from=${new Date(to - rangeS * 1000).toISOString()}`);
      try {
        const answer = await fetch(`${plot.el.dataset.history}&${query.join("&")}`);
        if (!answer.ok) return;
        const h = await answer.json();
        const at = (t) => Date.parse(t) / 1000;
        plot.data = [h.points.map((p) => at(p.at)), h.points.map((p) => p.mean), h.points.map((p) => p.min), h.points.map((p) => p.max)];
        plot.spans = h.alarm_spans.map((s) => ({ from: at(s.from), to: s.to ? at(s.to) : null, severity: s.severity }));
        if (h.points.length === 0) {
          plot.u = null;
          const none = document.createElement("p");
          none.className = "none";
          none.textContent = plot.el.dataset.wordEmpty;
          plot.box.replaceChildren(none);
        } else if (plot.u) plot.u.setData(plot.data);
        else build(plot);
      } finally { plot.busy = false; }
    }

    function start(el) {
      const box = el.querySelector(".canvas");
      const plot = { el, box, u: null, tip: null, busy: false, data: [[], [], [], []], spans: [] };
      plot.window = (min, max) => {
        if (rangeS === 0 || min == null) return min == null ? [0, 1] : min === max ? [min - 60, max + 60] : [min, max];
        const end = Math.max(gatewayNow() / 1000, max);
        return [end - rangeS, end];
      };
      all.set(el.dataset.metric, plot);
      new ResizeObserver(() => { if (plot.u && box.clientWidth > 0) plot.u.setSize({ width: box.clientWidth, height: box.clientHeight }); }).observe(box);
      fetchInto(plot);
    }

    if (root && window.uPlot) {
      const seen = new IntersectionObserver((entries) => {
        for (const entry of entries) if (entry.isIntersecting) { seen.unobserve(entry.target); start(entry.target); }
      }, { rootMargin: "200px" });
      for (const el of root.querySelectorAll(".plot")) seen.observe(el);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { for (const plot of all.values()) if (plot.u) { plot.u.destroy(); build(plot); } });
      // Rolled-up ranges take no single readings; they are fetched anew now and then.
      setInterval(() => { if (!document.hidden && rangeS !== 900 && rangeS !== 3600) for (const plot of all.values()) fetchInto(plot); }, Math.max(2000, 30000 / clock.speed));
    }

    return {
      load() { for (const plot of all.values()) fetchInto(plot); },
      // {at, values: [[metric, value], …]}
      live(reading) {
        const at = Date.parse(reading.at) / 1000;
        for (const [metric, value] of reading.values) {
          const el = root && root.querySelector(`.plot[data-metric="${CSS.escape(metric)}"]`);
          if (el) el.querySelector("[data-value]").textContent = four(value);
          const plot = all.get(metric);
          if (!plot || (rangeS !== 900 && rangeS !== 3600)) continue;
          const [x, mean, min, max] = plot.data;
          if (x.length && at <= x[x.length - 1]) continue;
          x.push(at); mean.push(value); min.push(value); max.push(value);
          const old = Math.max(x.findIndex((t) => t >= at - rangeS), x.length - MOST_POINTS);
          if (old > 0) for (const column of plot.data) column.splice(0, old);
          if (!plot.u) build(plot); else plot.u.setData(plot.data);
        }
      },
    };
  })();
  open();
})();
