// The cost table as a modal dialog with a countdown. The time that counts is measured by the server.
"use strict";
(() => {
  const sheet = document.getElementById("sheet");
  sheet.close();
  sheet.showModal();
  sheet.addEventListener("cancel", (event) => event.preventDefault()); // it is left by one of its own two buttons
  document.getElementById("sheet-title").focus({ preventScroll: true });

  const count = document.getElementById("count");
  if (!count) return;
  const confirm = document.getElementById("confirm");
  const left = document.getElementById("left");
  const told = document.getElementById("told");
  const progress = document.getElementById("progress");
  const wait = Number(count.dataset.wait);
  const whole = Math.max(Number(count.dataset.whole), wait, 1);
  let began = 0;

  function step(now) {
    began = began || now; // the first frame in which the table is painted
    const passed = (now - began) / 1000;
    const rest = Math.max(0, Math.ceil(wait - passed));
    progress.value = Math.min(1000, ((whole - wait + passed) / whole) * 1000);
    if (rest > 0) {
      left.textContent = count.dataset.left.replace("#", rest);
      requestAnimationFrame(step);
      return;
    }
    progress.value = 1000;
    left.textContent = count.dataset.done;
    told.textContent = count.dataset.done;
    confirm.disabled = false;
  }
  if (wait > 0) confirm.disabled = true;
  requestAnimationFrame(step);
})();
