// Lets whoever reads the description of the API ask it from the page. The token stays in the page and is gone with it.
"use strict";
(() => {
  const token = document.getElementById("token");
  token.closest("p").hidden = false;
  for (const form of document.querySelectorAll("form.try")) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      ask(form);
    });
  }

  async function ask(form) {
    const { method, path } = form.dataset;
    const fields = [...form.querySelectorAll("input")];
    const filled = (place) => fields.filter((one) => one.dataset.in === place && one.value);
    const address = filled("path").reduce((whole, one) => whole.replace(`{${one.name}}`, encodeURIComponent(one.value)), path);
    const query = new URLSearchParams(filled("query").map((one) => [one.name, one.value])).toString();
    const headers = {};
    if (token.value) headers.authorization = `Bearer ${token.value.trim()}`;
    if (method !== "GET") headers["idempotency-key"] = crypto.randomUUID();
    const body = form.querySelector("textarea")?.value;
    if (body) headers["content-type"] = "application/json";
    const place = form.querySelector(".answer");
    place.hidden = false;
    place.textContent = "…";
    try {
      const answer = await fetch(query ? `${address}?${query}` : address, { method, headers, body, credentials: "omit" });
      place.textContent = `${answer.status}\n${await shown(answer)}`;
    } catch (fault) {
      place.textContent = `no answer: ${fault.message}`;
    }
  }

  async function shown(answer) {
    const kind = answer.headers.get("content-type") || "";
    if (!kind.includes("json")) return kind && `${kind}, ${(await answer.blob()).size} bytes`;
    const said = await answer.json();
    if (answer.ok && said.token_type === "bearer") token.value = said.token; // whoever signs in here goes on as that person
    return JSON.stringify(said, null, 2);
  }
})();
