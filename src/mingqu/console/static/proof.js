// Verifies a proof in the page: the same steps as docs/howto/verify-a-proof.md, with the browser's own SHA-256.
"use strict";
(() => {
  const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const hex = (buffer) => [...new Uint8Array(buffer)].map((one) => one.toString(16).padStart(2, "0")).join("");
  const written = (text) => new TextEncoder().encode(text);
  const sha = async (...parts) => {
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) { whole.set(part, at); at += part.length; }
    return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
  };

  // RFC 9162, section 2.1.3.2.
  const climb = async (leaf, index, size, path) => {
    let last = size - 1, place = index, node = await sha(new Uint8Array([0]), written(leaf));
    if (place < 0 || place > last) return null;
    for (const sibling of path.map(bytes)) {
      if (last <= 0) return null;
      const left = place % 2 === 1 || place === last;
      node = left ? await sha(new Uint8Array([1]), sibling, node) : await sha(new Uint8Array([1]), node, sibling);
      while (left && place && place % 2 === 0) { place = Math.floor(place / 2); last = Math.floor(last / 2); }
      place = Math.floor(place / 2); last = Math.floor(last / 2);
    }
    return last === 0 ? hex(node) : null;
  };

  const signed = async (proof) => {
    try {
      const key = await crypto.subtle.importKey("raw", bytes(proof.public_key), { name: "Ed25519" }, false, ["verify"]);
      return await crypto.subtle.verify("Ed25519", key, bytes(proof.signature), written(proof.checkpoint));
    } catch (error) {
      return error.name === "NotSupportedError" ? null : false;
    }
  };

  const button = document.querySelector("[data-verify]");
  const said = document.getElementById("verified");
  button?.addEventListener("click", async () => {
    said.textContent = said.dataset.working;
    const proof = await (await fetch(button.dataset.verify)).json();
    const leaf = JSON.parse(proof.leaf), cell = JSON.parse(proof.cell), checkpoint = JSON.parse(proof.checkpoint);
    const holds = leaf.cell === cell.cell
      && await climb(proof.leaf, leaf.sequence, cell.size, proof.path) === cell.root
      && await climb(proof.cell, cell.cell, checkpoint.cells, proof.cell_path) === checkpoint.root;
    const key = await signed(proof);
    const parts = [holds ? `✓ ${said.dataset.holds}` : `◆ ${said.dataset.broken}`];
    parts.push(key === null ? said.dataset.noSignature : key ? `✓ ${said.dataset.signature}` : `◆ ${said.dataset.badSignature}`);
    said.textContent = parts.join(" · ");
    said.className = `steps-line ${holds && key !== false ? "ok" : "bad"}`;
    said.dataset.result = holds && key !== false ? "holds" : "broken";
  });
})();
