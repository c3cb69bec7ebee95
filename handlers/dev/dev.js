// Reloads the page when `make dev` serves something newer, and shows why it cannot.
"use strict";
{
  const version = Number(document.currentScript.dataset.version);
  const box = document.createElement("pre");
  box.className = "dev-problem";
  box.setAttribute("role", "alert");
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = "/_dev/dev.css";
  document.head.append(style);

  const look = async () => {
    try {
      const response = await fetch("/_dev/state", { cache: "no-store" });
      if (response.status === 404) return; // make dev has gone
      const state = await response.json();
      if (state.version > version) return location.reload();
      box.textContent = state.problem;
      if (state.problem) document.body.append(box);
      else box.remove();
    } catch {
      // The service is being started again.
    }
    setTimeout(look, 500);
  };
  look();
}
