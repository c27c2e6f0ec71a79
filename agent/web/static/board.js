/* Keeps the board true, or says that it is not: words change every 8 s, codes and places stand still. */
"use strict";
(function () {
  const frame = document.getElementById("frame");
  const stale = document.getElementById("stale");
  const FACE = 8e3;
  const PAGE = 10e3;
  const STALE = 10e3; // the stream speaks every 2 s when it has something to say, every 4 s else
  const HIDE = 60e3; // a wrong bay is worse than none
  const began = performance.now();
  let heard = began;
  let source = null;
  let calls = known();

  // `?metres=` says from how far the board is read; 10 m is the style sheet's own size.
  const scale = +document.body.dataset.scale;
  document.documentElement.style.setProperty("--less", 8.1 * scale + "vh");
  document.documentElement.style.setProperty("--more", 14.2 * scale + "vh");

  const faces = () => [...frame.children];

  function known() {
    return new Set([...frame.querySelectorAll("[data-call]")].map((row) => row.dataset.call));
  }

  function take(words) {
    heard = performance.now();
    faces().forEach((face) => {
      const html = words[face.lang];
      if (html === undefined || face.dataset.html === html) return;
      face.dataset.html = html;
      face.innerHTML = html;
      face.querySelectorAll("[data-call]").forEach((row) => {
        if (!calls.has(row.dataset.call)) row.classList.add("fresh");
      });
    });
    calls = known();
    show();
  }

  function show() {
    const quiet = performance.now() - heard;
    const time = performance.now() - began;
    const all = faces();
    const at = Math.floor(time / FACE) % all.length;
    all.forEach((face, index) => {
      face.hidden = index !== at;
      [".pool", ".bays li"].forEach((kind) => {
        const rows = [...face.querySelectorAll(kind)];
        const pages = rows.length ? +rows[rows.length - 1].dataset.page + 1 : 1;
        const page = Math.floor(time / PAGE) % pages;
        rows.forEach((row) => (row.hidden = +row.dataset.page !== page));
      });
    });
    stale.hidden = quiet < STALE;
    if (!stale.hidden) stale.textContent = stale.dataset[all[at].lang];
    document.body.classList.toggle("old", quiet > HIDE);
    // The panel's pixels are spared: the frame moves by 2 px every 5 min.
    frame.style.transform = Math.floor(time / 3e5) % 2 ? "translate(2px,2px)" : "";
  }

  function listen() {
    source = new EventSource(document.body.dataset.events);
    source.onmessage = (message) => take(JSON.parse(message.data).words);
  }

  setInterval(() => {
    show();
    if (source.readyState === 2 || performance.now() - heard > 3 * STALE) {
      source.close();
      if (Math.floor(performance.now() / 1e3) % 10 === 0) listen();
    }
  }, 1e3);
  show();
  listen();
})();
