// What makes the pages nicer, and nothing that they need: each works without it.
"use strict";

// A second click sends a form no second time. Who stops the page from loading, or
// comes back to it, can send it again.
const patience = 15_000; // ms, longer than an answer takes

function release(form) {
  delete form.dataset.sent;
  form.removeAttribute("aria-busy");
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  form.setAttribute("aria-busy", "true");
  setTimeout(release, patience, form);
});

window.addEventListener("pageshow", () => Array.from(document.forms, release));

// A notice is of what was done a moment ago, which a reload or a link that is handed on
// is not.
const here = new URL(location);
if (here.searchParams.has("done")) {
  here.searchParams.delete("done");
  history.replaceState(null, "", here);
}

// Moments are in the reader's own time zone.
const day = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "long" });
for (const time of document.querySelectorAll("time[datetime]")) {
  time.textContent = day.format(new Date(time.dateTime));
}
