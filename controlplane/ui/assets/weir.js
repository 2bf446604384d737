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
  const kept = new Map(); // regions that came while somebody was about to do something in them, the newest of each
  let came = 0; // documents meanwhile, those that are not shown among them
  let held = false;
  let pressed = null; // what a pointer is down on

  // A list that is scrolled away from its new rows, or has a document open, is
  // being read.
  const isRead = (list) => list.dataset.grow === "top"
    ? list.scrollTop > 8 || list.querySelector("details[open]")
    : list.scrollHeight - list.scrollTop - list.clientHeight > 24;

  const parse = (html) => {
    const t = document.createElement("template");
    t.innerHTML = html; // the server escaped all that is not its own
    return t;
  };

  // A click begun in a region would be lost with what it began on, and so would
  // marked text.
  const isUsed = (region) => {
    const selection = getSelection();
    return region.contains(pressed) || selection && !selection.isCollapsed && region.contains(selection.anchorNode);
  };

  function replace({ id, html }) {
    const region = byId(id);
    if (!region) return;
    if (isUsed(region)) {
      kept.set(id, html);
      return;
    }
    kept.delete(id);
    const fresh = parse(html);
    if (fresh.innerHTML === region.innerHTML) return;
    const at = region.contains(document.activeElement) ? document.activeElement.id : "";
    const { scrollLeft, scrollTop } = region;
    region.replaceChildren(fresh.content);
    region.scrollTo(scrollLeft, scrollTop);
    if (at) byId(at)?.focus({ preventScroll: true });
  }

  const catchUp = () => {
    for (const [id, html] of kept) replace({ id, html });
  };

  function add(list, { rows, most }) {
    byId("none")?.remove();
    const top = list.dataset.grow === "top";
    const stay = !isRead(list);
    list[top ? "prepend" : "append"](rows);
    while (list.children.length > most) list[top ? "lastElementChild" : "firstElementChild"].remove();
    if (stay) list.scrollTop = top ? 0 : list.scrollHeight;
  }

  // More rows than a list holds need not wait: the newest push the others out.
  function wait(event) {
    waiting.push({ ...event, many: event.rows.childElementCount });
    came += event.came;
    let many = waiting.reduce((sum, e) => sum + e.many, 0);
    while (many - waiting[0].many >= event.most) many -= waiting.shift().many;
    show(byId("held"), `${came} new; ${held ? "press h to go on" : "scroll up and close what is open to see them"}`);
  }

  function grow(event) {
    const list = byId(event.id);
    if (!list) return;
    event.rows = parse(event.html).content;
    if (list.dataset.grow === "top" && (held || isRead(list))) wait(event);
    else {
      const skipped = event.came - event.rows.querySelectorAll("article").length;
      show(byId("skipped"), skipped > 0 ? `${skipped} more just now, not shown` : "");
      add(list, event);
    }
  }

  function release() {
    show(byId("held"), "");
    came = 0;
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

  // A browser has few connections to a server, so only the page that is seen
  // has one for its events.

  const events = document.body.dataset.events;
  let source = null;
  let again = 0; // timer
  let last = 0; // id of the newest row

  function open() {
    const at = new URL(events, location);
    last = Math.max(last, Number(at.searchParams.get("after")));
    if (last > 0) at.searchParams.set("after", last);
    source = new EventSource(at);
    const live = byId("live");
    const gone = (why) => {
      show(byId("lost"), why);
      live.textContent = "not live";
      live.classList.remove("is-live");
    };
    source.addEventListener("alive", () => {
      show(byId("lost"), "");
      live.textContent = "live";
      live.classList.add("is-live");
    });
    source.addEventListener("region", (e) => replace(JSON.parse(e.data)));
    source.addEventListener("rows", (e) => {
      const id = Number(e.lastEventId);
      if (id <= last) return; // the page has them
      last = id;
      grow(JSON.parse(e.data));
    });
    source.addEventListener("trouble", (e) => gone(JSON.parse(e.data).message));
    source.addEventListener("error", () => {
      if (byId("lost").hidden) gone("Weir does not answer. What stands here is as it was; the page goes on by itself when Weir is back.");
      if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again itself
      close();
      again = setTimeout(follow, 3000);
    });
  }

  function close() {
    clearTimeout(again);
    source?.close();
    source = null;
  }

  function follow() {
    if (document.visibilityState === "hidden") close();
    else if (!source) open();
  }

  if (events) {
    follow();
    addEventListener("visibilitychange", follow);
    addEventListener("pagehide", close);
    addEventListener("pageshow", follow);
    const used = (e) => {
      pressed = e.target;
    };
    const done = () => {
      pressed = null;
      setTimeout(catchUp); // behind the click that this ends
    };
    addEventListener("pointerdown", used);
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, done);
    addEventListener("pointermove", (e) => { if (pressed && e.buttons === 0) done(); }); // let go of where nobody tells: on a scrollbar
    document.addEventListener("selectionchange", catchUp);
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

  const documents = byId("documents");
  for (const how of ["scroll", "toggle"]) documents?.addEventListener(how, () => { if (!held && !isRead(documents)) release(); }, true);
  const by = byId("by");
  by?.addEventListener("change", () => { byId("value").placeholder = by.selectedOptions[0].dataset.example; });
  const button = byId("hold");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", hold);
  }
  const list = byId("as-list");
  if (list && matchMedia("(max-width: 599px)").matches) list.open = true;
  const log = byId("log");
  if (log) log.scrollTop = log.scrollHeight;
})();
