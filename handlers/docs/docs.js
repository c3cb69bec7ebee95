// Sends the requests of the forms, and shows what comes back.
"use strict";
{
  const longest = 100_000; // characters of a body

  const inputs = (form, kind) =>
    [...form.querySelectorAll(`[data-in="${kind}"]`)].filter((input) => input.value !== "");

  const request = (form) => {
    let path = form.dataset.path;
    for (const { name, value } of inputs(form, "path")) path = path.replace(`{${name}}`, encodeURIComponent(value));
    const query = new URLSearchParams(inputs(form, "query").map(({ name, value }) => [name, value]));
    const options = { method: form.dataset.method, headers: new Headers(), cache: "no-store" };
    for (const { name, value } of inputs(form, "header")) options.headers.set(name, value);
    for (const { value, dataset } of inputs(form, "body")) {
      options.body = value;
      options.headers.set("Content-Type", dataset.type);
    }
    if (form.querySelector('[data-in="form"]')) {
      options.body = new URLSearchParams(inputs(form, "form").map(({ name, value }) => [name, value]));
    }
    return [query.size ? `${path}?${query}` : path, options];
  };

  const readable = (text, type) => {
    if (!/json$/.test(type.split(";")[0])) return text;
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  };

  const send = async (form) => {
    const outcome = form.querySelector(".outcome");
    const result = form.querySelector(".result");
    const [body, headers] = result.querySelectorAll("pre");
    result.hidden = true;
    outcome.textContent = "Sending…";
    const began = performance.now();
    try {
      const response = await fetch(...request(form));
      const text = await response.text();
      const took = Math.round(performance.now() - began);
      headers.textContent = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
      body.textContent = readable(text, response.headers.get("Content-Type") ?? "").slice(0, longest) || "(none)";
      outcome.textContent = `${response.status} ${response.statusText}, ${took} ms` +
        (response.redirected ? `, from ${new URL(response.url).pathname}` : "");
      result.hidden = false;
    } catch (error) {
      outcome.textContent = `There is no answer: ${error.message}`;
    }
  };

  for (const details of document.querySelectorAll(".try")) {
    details.hidden = false;
    details.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      send(event.currentTarget);
    });
  }
}
