// Fetches the page again and replaces what changed; colours; the numbers of a chart under the pointer or arrow keys.
"use strict";
(function () {
  const root = document.documentElement;
  const stored = (() => { try { return localStorage.getItem("aletheia-theme"); } catch { return null; } })();
  let theme = ["light", "dark"].includes(stored) ? stored : "auto";
  if (theme !== "auto") root.dataset.theme = theme;

  const address = () => {
    const query = new URLSearchParams(location.search);
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
    if (!query.has("zone") && zone !== "UTC") query.set("zone", zone);
    return "?" + query;
  };

  let tag = "", failures = 0, timer = 0;
  const PAUSE = 2000;

  async function refresh() {
    clearTimeout(timer);
    try {
      const answer = await fetch(address(), { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
      if (answer.status === 200) {
        replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
        tag = answer.headers.get("ETag") || "";
      } else if (answer.status !== 304) throw new Error(answer.status);
      failures = 0;
    } catch {
      failures += 1;
    }
    root.classList.toggle("lost", failures > 1);
    const pill = document.querySelector(".pill");
    if (failures > 1 && pill) pill.textContent = "no connection";
    else if (pill && pill.textContent === "no connection") tag = "", pill.textContent = "live";
    // A hidden page asks seldom; one that is shown again asks at once.
    timer = setTimeout(refresh, document.hidden ? 60000 : Math.min(PAUSE * 2 ** Math.max(failures - 1, 0), 30000));
  }

  function replace(fresh) {
    const scrolled = new Map();
    for (const part of document.querySelectorAll("[data-part]")) {
      const other = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!other || part.dataset.source === other.innerHTML || part.innerHTML === other.innerHTML) continue;
      const focused = part.contains(document.activeElement) ? [...part.querySelectorAll("a, [tabindex]")].indexOf(document.activeElement) : -1;
      for (const box of part.querySelectorAll(".scroll")) scrolled.set(box, box.scrollLeft);
      const offsets = [...scrolled.values()];
      const open = [...part.querySelectorAll("details")].map((item) => item.open);
      part.dataset.source = other.innerHTML;
      part.replaceChildren(...other.childNodes);
      [...part.querySelectorAll("details")].forEach((item, n) => { item.open = Boolean(open[n]); });
      [...part.querySelectorAll(".scroll")].forEach((box, n) => { box.scrollLeft = offsets[n] || 0; });
      scrolled.clear();
      if (focused >= 0) [...part.querySelectorAll("a, [tabindex]")][focused]?.focus();
    }
    const missing = [...fresh.querySelectorAll("[data-part]")].some((p) => !document.querySelector(`[data-part="${p.dataset.part}"]`));
    if (missing) location.reload();  // another version of this page
    reachable();
    tellAge();
  }

  // What scrolls must be reachable without a mouse, and only that.
  function reachable() {
    for (const box of document.querySelectorAll(".scroll")) {
      if (box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1) {
        box.tabIndex = 0;
        box.setAttribute("role", "region");
        box.setAttribute("aria-label", box.querySelector("caption")?.textContent || "table");
      } else for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }

  // How long ago the last request came, by the clock of who looks.
  const ago = new Intl.RelativeTimeFormat("en", { numeric: "always" });
  function tellAge() {
    const time = document.querySelector("[data-last] time"), live = document.querySelector(".pill.live");
    if (!time || !live) return;
    const seconds = Math.max((Date.now() - Date.parse(time.dateTime)) / 1000, 0);
    const [length, unit] = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]].find(([l]) => seconds >= l) || [1, "second"];
    time.textContent = ago.format(-Math.floor(seconds / length), unit);
  }

  function read(chart, n) {
    const panel = chart.closest(".panel"), table = panel.querySelector("details table"), svg = chart.querySelector("svg.plot");
    if (!table || !svg) return;
    const count = Number(table.dataset.intervals);
    n = Math.min(Math.max(n, 0), count - 1);
    chart.dataset.at = n;
    const x = (100 * (n + 0.5)) / count + "%", cursor = svg.querySelector(".cursor");
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    cursor.classList.add("shown");
    const row = table.querySelector(`tr[data-n="${n}"]`), names = [...table.querySelectorAll("thead th")].slice(1);
    const cells = row ? [...row.querySelectorAll("td")].map((cell, k) => `${names[k].textContent} ${cell.textContent}`) : ["nothing"];
    chart.querySelector(".readout").textContent = (row ? row.querySelector("th").textContent + ": " : "") + cells.join(" · ");
  }

  function leave(chart) {
    chart.querySelector(".cursor")?.classList.remove("shown");
    chart.querySelector(".readout").textContent = "";
    delete chart.dataset.at;
  }

  function wire() {
    for (const chart of document.querySelectorAll(".chart")) {
      const count = () => Number(chart.closest(".panel").querySelector("details table")?.dataset.intervals || 1);
      chart.addEventListener("pointermove", (event) => {
        const box = chart.querySelector("svg.plot")?.getBoundingClientRect();
        if (box) read(chart, Math.floor(((event.clientX - box.left) / box.width) * count()));
      });
      chart.addEventListener("pointerleave", () => leave(chart));
      chart.addEventListener("blur", () => leave(chart));
      chart.addEventListener("keydown", (event) => {
        const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        const at = "at" in chart.dataset ? Number(chart.dataset.at) : count();
        if (step) read(chart, at + step);
        else if (event.key === "Home") read(chart, 0);
        else if (event.key === "End") read(chart, count() - 1);
        else return;
        event.preventDefault();
      });
    }
    const buttons = document.querySelectorAll("[data-theme-choice]");
    const mark = () => buttons.forEach((b) => b.setAttribute("aria-pressed", b.dataset.themeChoice === theme));
    buttons.forEach((button) => button.addEventListener("click", () => {
      theme = button.dataset.themeChoice;
      if (theme === "auto") delete root.dataset.theme;
      else root.dataset.theme = theme;
      try { localStorage.setItem("aletheia-theme", theme); } catch { /* it lasts as long as the page then */ }
      mark();
    }));
    mark();
    reachable();
    tellAge();
    setInterval(tellAge, 1000);
    addEventListener("resize", reachable);
    document.addEventListener("toggle", reachable, true);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
    refresh();
  }
  document.addEventListener("DOMContentLoaded", wire);
})();
