// Keys, help, small conveniences. Every page works without this file.
"use strict";
(() => {
  const KEY = "mingqu-console-keys";
  const on = () => localStorage.getItem(KEY) !== "off";
  const inField = (target) => target.closest("input, textarea, select, [contenteditable]");
  const help = document.getElementById("keys");
  let went = 0; // when "g" was pressed: the next letter within a second goes somewhere

  const press = (name) => {
    const found = document.querySelector(`[data-press="${name}"]`);
    if (!found) return false;
    found.click();
    const field = found.closest("details")?.querySelector("input:not([type=hidden])");
    if (field) setTimeout(() => field.focus(), 0);
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      document.querySelectorAll("details.pop[open]").forEach((one) => { one.open = false; });
      if (inField(event.target)) event.target.blur();
      return;
    }
    if (inField(event.target) || !on() || help?.open) return;
    if (went && Date.now() - went < 1000) {
      went = 0;
      const link = document.querySelector(`.side a[data-key="${CSS.escape(event.key)}"]`);
      if (link) { event.preventDefault(); link.click(); return; }
    }
    const name = (event.shiftKey && event.key.startsWith("Arrow") ? "Shift+" : "") + event.key;
    if (event.key === "g") { went = Date.now(); return; }
    if (event.key === "/") {
      const box = document.getElementById("q");
      if (box) { event.preventDefault(); box.focus(); box.select(); }
    } else if (event.key === "?") {
      help?.showModal();
    } else if (event.key === "x") {
      document.querySelectorAll("details[data-data]").forEach((one) => { one.open = !one.open; });
    } else if (press(name)) {
      event.preventDefault();
    }
  });

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-open], [data-close], [data-toggle-keys]");
    if (!target) {
      document.querySelectorAll("details.pop[open]").forEach((one) => {
        if (!one.contains(event.target)) one.open = false;
      });
      return;
    }
    if (target.dataset.open) document.getElementById(target.dataset.open)?.showModal();
    if ("close" in target.dataset) target.closest("dialog")?.close();
    if ("toggleKeys" in target.dataset) {
      localStorage.setItem(KEY, on() ? "off" : "on");
      label();
    }
  });

  const toggle = document.querySelector("[data-toggle-keys]");
  const said = toggle?.textContent;
  const label = () => { if (toggle) toggle.textContent = on() ? said : toggle.dataset.off; };
  label();
})();
