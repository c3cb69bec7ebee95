// Renews the page every two seconds, in place: the focus, the selection, the scroll position
// and what is folded out stay. The page works without it, by reload.
"use strict";
{
  const silence = 8_000; // ms without news, after which the connection counts as lost
  const pause = document.getElementById("pause");
  const live = document.getElementById("live");
  let source, timer, lostAt;

  const clock = () => new Date().toISOString().slice(11, 19) + " UTC";
  const say = (state, text) => {
    document.body.dataset.live = state;
    if (live.textContent !== text) live.textContent = text; // else it would be read out again
  };

  // morph makes the element old like the new one.
  function morph(old, next) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== next.data) old.data = next.data;
      return;
    }
    for (const { name } of [...old.attributes]) {
      if (!next.hasAttribute(name) && !(name === "open" && old.localName === "details")) old.removeAttribute(name);
    }
    for (const { name, value } of next.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    const byId = new Map(Array.from(old.children, (child) => [child.id, child]));
    const ids = new Set(Array.from(next.children, (child) => child.id));
    let at = old.firstChild;
    for (const child of [...next.childNodes]) {
      while (at?.id && !ids.has(at.id)) at = remove(at); // else those behind it would have to move
      let twin = at?.nodeName === child.nodeName && !at.id ? at : undefined;
      if (child.id) {
        twin = byId.get(child.id);
        byId.delete(child.id);
      }
      if (!twin) old.insertBefore(child, at);
      else {
        if (twin !== at) old.insertBefore(twin, at);
        else at = at.nextSibling;
        morph(twin, child);
      }
    }
    while (at) at = remove(at);
  }

  function remove(node) {
    const next = node.nextSibling;
    node.remove();
    return next;
  }

  function show(event) {
    const main = new DOMParser().parseFromString(event.data, "text/html").querySelector("main");
    const focus = document.activeElement;
    morph(document.getElementById("main"), main);
    if (focus !== document.activeElement && focus.isConnected) focus.focus({ preventScroll: true }); // its row has moved
    document.title = main.dataset.title;
    lostAt = undefined;
    say("on", "Live");
    watch();
  }

  function watch() {
    clearTimeout(timer);
    timer = setTimeout(lost, silence);
  }

  function lost() {
    lostAt ??= clock();
    say("lost", `Connection lost since ${lostAt}, trying again`);
    close();
    timer = setTimeout(open, 2_000);
  }

  function open() {
    close();
    source = new EventSource("/ops/events" + location.search);
    source.addEventListener("state", show);
    source.onerror = lost;
    watch();
  }

  function close() {
    clearTimeout(timer);
    source?.close();
  }

  function follow(on) {
    pause.textContent = on ? "Pause" : "Go on";
    if (on) return open();
    close();
    say("paused", `Paused since ${clock()}`);
  }

  const here = new URL(location);
  here.searchParams.delete("done"); // a notice is of what was done a moment ago
  history.replaceState(null, "", here);
  let on = true;
  pause.hidden = false;
  pause.addEventListener("click", () => follow(on = !on));
  document.addEventListener("visibilitychange", () => on && (document.hidden ? close() : open()));
  say("on", "Connecting");
  open();
}
