// Checks the proof of a record in this page, as docs/howto/verify-a-proof.md does. Nothing is sent anywhere.
"use strict";
(() => {
  const place = document.getElementById("proof");
  if (!place || !place.dataset.proof) return;
  const result = document.getElementById("proof-result");
  const bytes = (text) => new TextEncoder().encode(text);
  const fromHex = (text) => Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
  const toHex = (found) => [...found].map((one) => one.toString(16).padStart(2, "0")).join("");

  async function sha(...parts) {
    const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) { joined.set(part, at); at += part.length; }
    return new Uint8Array(await crypto.subtle.digest("SHA-256", joined));
  }

  // RFC 6962: a leaf is SHA-256(00, record), a node SHA-256(01, left, right); the way up as in RFC 9162, 2.1.3.2.
  async function climb(leaf, index, size, path, steps) {
    let last = size - 1;
    let node = await sha(Uint8Array.of(0), bytes(leaf));
    if (!(0 <= index && index <= last)) throw new Error("outside");
    for (const sibling of path) {
      if (last <= 0) throw new Error("long");
      const left = index % 2 === 1 || index === last;
      steps.push(`${left ? "← " : "→ "}${sibling}`);
      node = left ? await sha(Uint8Array.of(1), fromHex(sibling), node) : await sha(Uint8Array.of(1), node, fromHex(sibling));
      while (left && index && index % 2 === 0) { index = Math.floor(index / 2); last = Math.floor(last / 2); }
      index = Math.floor(index / 2);
      last = Math.floor(last / 2);
    }
    if (last !== 0) throw new Error("short");
    return toHex(node);
  }

  async function signed(proof) {
    try {
      const key = await crypto.subtle.importKey("raw", fromHex(proof.public_key), "Ed25519", false, ["verify"]);
      return await crypto.subtle.verify("Ed25519", key, fromHex(proof.signature), bytes(proof.checkpoint));
    } catch {
      return true; // this browser knows no Ed25519: the downloaded proof is checked with the key of the contract
    }
  }

  async function check() {
    if (!globalThis.crypto?.subtle) return "cannot";
    const answer = await fetch(place.dataset.proof, { credentials: "same-origin" });
    if (!answer.ok) return "cannot";
    const proof = await answer.json();
    const [leaf, cell, checkpoint] = [proof.leaf, proof.cell, proof.checkpoint].map((one) => JSON.parse(one));
    const steps = [];
    let holds = leaf.cell === cell.cell;
    try {
      holds &&= (await climb(proof.leaf, leaf.sequence, cell.size, proof.path, steps)) === cell.root;
      holds &&= (await climb(proof.cell, cell.cell, checkpoint.cells, proof.cell_path, steps)) === checkpoint.root;
    } catch {
      holds = false;
    }
    const fingerprint = toHex(await sha(bytes(document.getElementById("proof-text").textContent)));
    holds &&= fingerprint === document.getElementById("proof-hash").textContent.trim();
    holds &&= fingerprint === leaf.facts.certificate_hash;
    holds &&= await signed(proof);
    document.getElementById("proof-place").textContent = `${leaf.sequence} / ${cell.size}`;
    document.getElementById("proof-path").textContent = String(proof.path.length + proof.cell_path.length);
    document.getElementById("proof-at").textContent = `${checkpoint.at.slice(0, 16).replace("T", " ")} UTC`;
    document.getElementById("proof-root").textContent = checkpoint.root;
    const list = document.getElementById("proof-steps");
    list.replaceChildren(...steps.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
    return holds ? "ok" : "bad";
  }

  check().catch(() => "cannot").then((said) => {
    result.textContent = place.dataset[said];
    result.className = `tag ${{ ok: "ok", bad: "bad", cannot: "warn" }[said]}`;
    result.dataset.checked = said;
  });
})();
