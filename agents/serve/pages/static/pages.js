// What the pages do beyond HTML: the current page is visible in the navigation, what was unfolded still is when the reader
// comes back, and the page Now follows live changes.
// Everything works without it.
(() => {
  "use strict";

  const LONGEST = 40; // changes in the list
  const EVERY_MS = 500; // at most two updates a second

  document.querySelector(".pages [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  // What the reader unfolded or folded is so again after the back button: pages are not stored, and so loaded again.
  unfold();
  document.addEventListener("htmx:after:settle", unfold); // parts that follow
  document.addEventListener("toggle", remember, true);

  function unfold() {
    for (const part of document.querySelectorAll("main details")) part.open = history.state?.[nameOf(part)] ?? part.open;
  }

  function remember({ target }) {
    if (target.matches("main details")) history.replaceState({ ...history.state, [nameOf(target)]: target.open }, "");
  }

  function nameOf(part) {
    const around = part.closest("[aria-labelledby]")?.getAttribute("aria-labelledby");
    return `${around} ${part.querySelector("summary").textContent}`;
  }

  // A page without figures: loaded again once there are some, and not before, so that nobody loses their place.
  if (document.querySelector("[data-wait]")) setInterval(look, 3000);

  async function look() {
    try {
      const response = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (response.ok && !(await response.text()).includes("data-wait")) location.reload();
    } catch {
      // the server is away: look again
    }
  }

  const feed = document.querySelector("[data-feed]");
  if (feed) follow(feed);

  function follow(list) {
    const state = document.querySelector("[data-live-state]");
    const button = document.querySelector("[data-live-pause]");
    const empty = document.querySelector("[data-feed-empty]");
    const parts = new Map(); // id of an element -> its next contents
    let changes = [];
    let paused = false;
    let source = null;

    function open() {
      if (source || document.hidden) return;
      source = new EventSource(list.dataset.feed);
      source.onopen = say;
      source.onerror = () => {
        state.textContent = state.dataset.lost;
        // A session that has ended answers with another status, after which the browser does not try again.
        if (source.readyState === EventSource.CLOSED) state.textContent = state.dataset.ended;
      };
      source.addEventListener("change", (event) => {
        changes.push(event.data);
        if (changes.length > LONGEST) changes = changes.slice(-LONGEST);
      });
      source.addEventListener("part", (event) => {
        const end = event.data.indexOf("\n");
        parts.set(event.data.slice(0, end), event.data.slice(end + 1));
      });
    }

    function close() {
      source?.close();
      source = null;
    }

    function say() {
      state.textContent = paused ? state.dataset.paused : state.dataset.live;
    }

    function show() {
      if (paused) return;
      for (const [id, html] of parts) {
        const part = document.getElementById(id);
        if (part && !part.contains(document.activeElement)) part.innerHTML = html;
      }
      parts.clear();
      if (!changes.length) return;
      empty.hidden = true;
      for (const html of changes) list.insertAdjacentHTML("afterbegin", html);
      changes = [];
      while (list.children.length > LONGEST) list.lastElementChild.remove();
    }

    if (button) {
      button.hidden = false;
      button.addEventListener("click", () => {
        paused = !paused;
        button.textContent = paused ? button.dataset.resume : button.dataset.pause;
        say();
        show();
      });
    }
    document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
    setInterval(show, EVERY_MS);
    open();
  }
})();
