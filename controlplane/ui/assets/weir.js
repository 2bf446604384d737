// The pages are complete without this script. With it they live: regions come
// anew as events, lists grow, and keys lead through the pages.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const show = (element, text) => {
    if (!element) return;
    element.hidden = !text;
    element.textContent = text;
  };

  // Live regions and lists.

  const waiting = []; // rows that came while the list was held or read
  let held = false;

  // A list that is scrolled away from its new rows is being read.
  const isRead = (list) => list.dataset.grow === "top"
    ? list.scrollTop > 8
    : list.scrollHeight - list.scrollTop - list.clientHeight > 24;

  const parse = (html) => {
    const t = document.createElement("template");
    t.innerHTML = html; // the server escaped all that is not its own
    return t.content;
  };

  function replace({ id, html }) {
    const region = byId(id);
    if (!region) return;
    const selection = getSelection();
    if (selection && !selection.isCollapsed && region.contains(selection.anchorNode)) return; // somebody marks text
    const at = region.contains(document.activeElement) ? document.activeElement.id : "";
    const { scrollLeft, scrollTop } = region;
    region.replaceChildren(parse(html));
    region.scrollTo(scrollLeft, scrollTop);
    if (at) byId(at)?.focus({ preventScroll: true });
  }

  function add(list, { html, most }) {
    byId("none")?.remove();
    const top = list.dataset.grow === "top";
    const stay = !isRead(list);
    list[top ? "prepend" : "append"](parse(html));
    while (list.children.length > most) list[top ? "lastElementChild" : "firstElementChild"].remove();
    if (stay) list.scrollTop = top ? 0 : list.scrollHeight;
  }

  function row(event) {
    const list = byId(event.id);
    if (!list) return;
    if (list.dataset.grow === "top" && (held || isRead(list))) {
      waiting.push(event);
      if (waiting.length > event.most) waiting.shift();
      const many = waiting.length === event.most ? " or more" : "";
      show(byId("held"), `${waiting.length}${many} new; ${held ? "press h to go on" : "scroll up to see them"}`);
      return;
    }
    add(list, event);
  }

  function release() {
    show(byId("held"), "");
    for (const event of waiting.splice(0)) add(byId(event.id), event);
  }

  function hold() {
    const button = byId("hold");
    if (!button) return;
    held = !held;
    button.textContent = held ? "Go on" : "Hold";
    button.setAttribute("aria-pressed", String(held));
    if (!held) release();
  }

  function follow(path) {
    const live = byId("live");
    const source = new EventSource(path);
    const back = () => {
      show(byId("lost"), "");
      live.textContent = "live";
      live.classList.add("is-live");
    };
    const gone = (why) => {
      show(byId("lost"), why);
      live.textContent = "not live";
      live.classList.remove("is-live");
    };
    source.addEventListener("alive", back);
    source.addEventListener("region", (e) => replace(JSON.parse(e.data)));
    source.addEventListener("row", (e) => row(JSON.parse(e.data)));
    source.addEventListener("trouble", (e) => gone(JSON.parse(e.data).message));
    source.addEventListener("error", () => {
      if (byId("lost").hidden) gone("Weir does not answer. What stands here is as it was; the page goes on by itself when Weir is back.");
      if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(path), 3000);
    });
    addEventListener("pagehide", () => source.close());
  }

  // Keys.

  const places = { f: "/", g: "/graph", c: "/collections", q: "/quarantine", p: "/publications" };
  let leader = -Infinity; // when g was pressed

  function move(step) {
    const rows = [...document.querySelectorAll("[data-row]")];
    if (rows.length === 0) return;
    const at = rows.indexOf(document.activeElement);
    const first = step > 0 ? 0 : rows.length - 1;
    const next = rows[at < 0 ? first : Math.min(Math.max(at + step, 0), rows.length - 1)];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }

  function theme() {
    const dark = getComputedStyle(document.querySelector("#theme .to-dark")).display === "none";
    document.querySelector(dark ? "#theme .to-light" : "#theme .to-dark").click();
  }

  const keys = {
    j: () => move(1),
    k: () => move(-1),
    h: hold,
    t: theme,
    "?": () => location.assign("/help"),
    "/": () => byId("search").select(),
  };

  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.target.matches("input, select, textarea")) {
      if (e.key === "Escape") e.target.blur();
      return;
    }
    if (performance.now() - leader < 1500 && places[e.key]) {
      e.preventDefault();
      location.assign(places[e.key]);
      return;
    }
    leader = e.key === "g" ? performance.now() : -Infinity;
    if (!keys[e.key]) return;
    e.preventDefault();
    keys[e.key]();
  });

  byId("documents")?.addEventListener("scroll", (e) => { if (!held && !isRead(e.target)) release(); });
  const button = byId("hold");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", hold);
  }
  const log = byId("log");
  if (log) log.scrollTop = log.scrollHeight;
  if (document.body.dataset.events) follow(document.body.dataset.events);
})();
