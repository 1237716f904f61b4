"use strict";
(() => {
  const root = document.documentElement;
  const pages = [...document.querySelectorAll(".page")];
  const links = [...document.querySelectorAll("header.site nav a")];
  const title = document.title;
  root.classList.add("paged");

  // One page at a time: the one that holds the target of the address.
  function show() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const page = (target && target.closest(".page")) || pages[0];
    for (const other of pages) other.classList.toggle("shown", other === page);
    const heading = page.querySelector("h1");
    document.title = page === pages[0] || !heading ? title : `${heading.textContent.trim().replace(/\s+/g, " ")} · ${title}`;
    const id = page.classList.contains("entity") ? (page.id.startsWith("result-") ? "results" : "runs") : page.id;
    for (const link of links) {
      if (link.hash === "#" + id) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (target && target !== page && page.contains(target)) target.scrollIntoView();
    else window.scrollTo(0, 0);
  }
  window.addEventListener("hashchange", () => {
    show();
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const heading = target && target.matches(".page") && target.querySelector("h1");
    if (heading) { heading.tabIndex = -1; heading.focus({ preventScroll: true }); }
  });
  show();

  // Light and dark: what the system says, until the button says otherwise.
  const button = document.getElementById("theme");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  function colour(theme) {
    if (theme) root.dataset.theme = theme;
    const now = root.dataset.theme || (dark.matches ? "dark" : "light");
    button.textContent = `Use ${now === "dark" ? "light" : "dark"} theme`;
    return now;
  }
  button.hidden = false;
  button.addEventListener("click", () => {
    const theme = colour() === "dark" ? "light" : "dark";
    colour(theme);
    try { localStorage.setItem("theme", theme); } catch { /* a file may not keep anything */ }
  });
  dark.addEventListener("change", () => colour());
  colour(stored());

  // Tables: a heading sorts within each group; a third time brings the first order back.
  const NEXT = { none: "ascending", ascending: "descending", descending: "none" };
  const UNITS = { k: 1e3, K: 1e3, M: 1e6, B: 1e9 };
  function key(row, column) {
    const text = row.cells[column].textContent.trim();
    if (column === 0) return text;
    const number = text.replace(/,/g, "").replace("−", "-").match(/^[~<>≈≠]?\s*(-?[\d.]+(?:e[-+]?\d+)?)([kKMB]?)/);
    return number ? parseFloat(number[1]) * (UNITS[number[2]] || 1) : NaN;
  }
  function sort(table, column, order) {
    const sign = order === "descending" ? -1 : 1;
    for (const body of table.tBodies) {
      const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
      rows.forEach((row, position) => { row.dataset.position ??= position; });
      rows.sort((a, b) => {
        if (order === "none") return a.dataset.position - b.dataset.position;
        const [x, y] = [key(a, column), key(b, column)];
        if (typeof x === "string") return sign * x.localeCompare(y);
        if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y);
        return sign * (x - y) || a.dataset.position - b.dataset.position;
      });
      body.append(...rows);
    }
  }
  for (const table of document.querySelectorAll(".table table")) {
    const row = table.tHead.rows[table.tHead.rows.length - 1];
    const regular = [...table.tBodies].every((body) =>
      [...body.rows].every((line) => line.classList.contains("group") || line.cells.length === row.cells.length));
    if (!regular || table.tHead.rows.length > 1) continue;
    [...row.cells].forEach((heading, column) => {
      const control = document.createElement("button");
      control.type = "button";
      control.className = "sort";
      control.append(...heading.childNodes);
      heading.append(control);
      heading.setAttribute("aria-sort", "none");
      control.addEventListener("click", () => {
        const order = NEXT[heading.getAttribute("aria-sort")];
        for (const other of row.cells) other.setAttribute("aria-sort", "none");
        heading.setAttribute("aria-sort", order);
        sort(table, column, order);
      });
    });
  }

  // Graph: all arrows of the box that is pointed at, or has the focus; a finger's second tap follows the link.
  const arrows = [...document.querySelectorAll("#graph path")];
  let tapped = null;
  for (const box of document.querySelectorAll("#graph svg a")) {
    const id = box.getAttribute("href").slice(1);
    const own = arrows.filter((arrow) => arrow.dataset.start === id || arrow.dataset.end === id);
    const light = (on) => own.forEach((arrow) => arrow.classList.toggle("near", on));
    for (const [event, on] of [["pointerenter", true], ["pointerleave", false], ["focus", true], ["blur", false]]) {
      box.addEventListener(event, () => light(on));
    }
    box.addEventListener("click", (event) => {
      if (event.pointerType !== "touch" || tapped === box) return;
      event.preventDefault();
      for (const arrow of arrows) arrow.classList.remove("near");
      light(true);
      tapped = box;
    });
  }
  const zoom = document.getElementById("zoom");
  zoom.hidden = false;
  zoom.addEventListener("click", () => {
    const actual = document.querySelector(".graph").classList.toggle("actual");
    zoom.setAttribute("aria-pressed", actual);
  });

  // Overview: the pictures it names, which stand in the page once.
  for (const link of document.querySelectorAll(".highlights a")) {
    link.prepend(document.getElementById(link.hash.slice(1)).querySelector("img").cloneNode());
  }

  // Pictures: enlarged in a dialog, which Escape closes.
  const dialog = document.getElementById("enlarged");
  for (const opener of document.querySelectorAll(".enlarge")) {
    opener.addEventListener("click", () => {
      const picture = opener.querySelector("img").cloneNode();
      dialog.querySelector("h2").textContent = opener.closest("figure").querySelector("strong").textContent;
      dialog.querySelector(".whole").replaceChildren(picture);
      dialog.showModal();
    });
  }
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
})();
