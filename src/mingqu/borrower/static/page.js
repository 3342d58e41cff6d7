// What every page may have: nothing here is needed, each step is a plain form. No amount of money is made here.
"use strict";
(() => {
  const body = document.body;

  // A form is sent once: its button says so, and comes back when the person does.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!navigator.onLine) {
      event.preventDefault();
      tell(body.dataset.offline);
      return;
    }
    if (event.target.dataset.sent) { event.preventDefault(); return; }
    event.target.dataset.sent = "1";
    if (button && button.classList.contains("weui-btn")) {
      button.dataset.label = button.textContent;
      button.setAttribute("aria-busy", "true");
      button.textContent = button.dataset.busy || body.dataset.busy;
    }
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    for (const button of document.querySelectorAll("[aria-busy=true]")) {
      button.removeAttribute("aria-busy");
      if (button.dataset.label) button.textContent = button.dataset.label;
    }
  });

  function tell(sentence) {
    let box = document.getElementById("offline");
    if (!box) {
      box = document.createElement("div");
      box.id = "offline";
      box.className = "box warn";
      box.setAttribute("role", "alert");
      document.querySelector(".page").prepend(box);
    }
    box.textContent = sentence;
    box.scrollIntoView({ block: "center" });
  }
  window.addEventListener("online", () => document.getElementById("offline")?.remove());

  // What is wrong is read first, and the keyboard goes on from there, unless a field asks for its value at once.
  const problem = document.getElementById("problem");
  if (problem) {
    problem.scrollIntoView({ block: "nearest" });
    problem.tabIndex = -1;
    if (!document.querySelector("[autofocus]")) problem.focus({ preventScroll: true });
  }

  // The name of a chosen offer stands beside the button.
  const chosen = document.getElementById("chosen");
  if (chosen) {
    const show = () => {
      const one = document.querySelector("input[name=offer]:checked");
      chosen.textContent = one ? one.dataset.name : chosen.dataset.none;
    };
    document.addEventListener("change", show);
    show();
  }

  // The button of a repayment names its amount.
  const pay = document.getElementById("pay");
  if (pay) {
    document.addEventListener("change", (event) => {
      if (event.target.name === "how") pay.textContent = event.target.dataset.pay;
    });
    document.getElementById("amount")?.addEventListener("input", () => {
      const part = document.querySelector("input[name=how][value=part]");
      if (!part.checked) { part.checked = true; pay.textContent = part.dataset.pay; }
    });
  }

  // Inside WeChat the payment opens over this page. What came of it is asked on our side, whatever WeChat says here.
  const inside = document.getElementById("wechat-pay");
  if (inside) {
    const open = () => {
      window.WeixinJSBridge.invoke("getBrandWCPayRequest", JSON.parse(inside.dataset.handover), (said) => {
        if (said.err_msg !== "get_brand_wcpay_request:cancel") location.assign(inside.dataset.back);
      });
    };
    inside.addEventListener("click", () => {
      if (window.WeixinJSBridge) open();
      else document.addEventListener("WeixinJSBridgeReady", open, { once: true });
    });
  }

  // The slider writes into the field of the amount; the field is what is sent.
  const slide = document.getElementById("slide");
  const amount = document.getElementById("amount");
  if (slide && amount) {
    slide.hidden = false;
    const fill = () => slide.style.setProperty("--p", `${((slide.value - slide.min) / (slide.max - slide.min || 1)) * 100}%`);
    slide.addEventListener("input", () => {
      amount.value = `${Number(slide.value).toLocaleString("en-US")}.00`;
      fill();
    });
    amount.addEventListener("input", () => {
      const yuan = Number(amount.value.replaceAll(",", ""));
      if (Number.isFinite(yuan)) { slide.value = yuan; fill(); }
    });
    fill();
  }
})();
