/* Keeps the board true, or says that it is not: words change every 8 s, codes and places stand still. */
"use strict";
(function () {
  const frame = document.getElementById("frame");
  const stale = document.getElementById("stale");
  const board = document.body;
  const FACE = 8e3;
  const PAGE = 10e3;
  const STALE = 10e3; // the stream speaks every 2 s when it has something to say, every 4 s else
  const HIDE = 60e3; // a wrong bay is worse than none
  const SHIFT = 3e5; // the panel's pixels are spared: the frame moves by 2 px
  const TONES = [660, 880]; // Hz, 0.2 s each, as on the phone
  const began = performance.now();
  let heard = began;
  let source = null;
  let audio = null;
  let calls = known();

  // `?metres=` says from how far the board is read; 10 m is the style sheet's own size.
  const scale = +board.dataset.scale;
  document.documentElement.style.setProperty("--less", 8.1 * scale + "vmin");
  document.documentElement.style.setProperty("--more", 14.2 * scale + "vmin");

  const faces = () => [...frame.children];

  function known() {
    return new Set([...frame.querySelectorAll("[data-call]")].map((row) => row.dataset.call));
  }

  function take(event) {
    heard = performance.now();
    let fresh = false;
    faces().forEach((face) => {
      const html = event.words[face.lang];
      stale.dataset[face.lang] = event.stale[face.lang];
      if (html === undefined || face.dataset.html === html) return;
      face.dataset.html = html;
      face.innerHTML = html;
      delete face.dataset.fitted;
      face.querySelectorAll("[data-call]").forEach((row) => {
        if (calls.has(row.dataset.call)) return;
        row.classList.add("fresh");
        fresh = true;
      });
    });
    calls = known();
    if (fresh && "chime" in board.dataset) chime();
    board.classList.remove("day", "night");
    if (event.light) board.classList.add(event.light);
    show();
  }

  // --- what fits: measured, for neither fonts nor screens are known

  const over = (box) => box.scrollHeight > box.clientHeight + 1;

  // A bay is never cut off: its word goes first, then its size.
  function narrow(row) {
    const wide = () => row.querySelector(".to").offsetWidth / (row.clientWidth * 0.96);
    row.classList.remove("tight");
    row.style.removeProperty("--fit");
    if (wide() > 1) row.classList.add("tight");
    if (wide() > 1) row.style.setProperty("--fit", 1 / wide());
  }

  // Who is next gives way to a call, an older call to a newer one; the newest always stays.
  function fit(face) {
    const box = face.querySelector(".calls");
    const rows = [...box.querySelectorAll(".call")];
    const next = box.querySelector(".next");
    [...box.children].forEach((one) => (one.hidden = false));
    rows.forEach(narrow);
    if (next && over(box)) next.hidden = true;
    while (rows.length > 1 && over(box)) rows.pop().hidden = true;
    const how = face.querySelector(".how");
    how.style.removeProperty("--fit");
    const room = how.parentElement.clientHeight; // none where the parent is no box
    if (room && how.offsetHeight > room) how.style.setProperty("--fit", room / how.offsetHeight);
    deal(face.querySelector(".pools"));
    deal(face.querySelector(".bays"));
    face.dataset.fitted = "";
  }

  // Deals the rows of a list into pages that fit; each row then knows its page.
  function deal(box) {
    const rows = [...box.children];
    rows.forEach((row) => {
      row.hidden = true;
      row.style.removeProperty("--fit");
    });
    let page = [];
    let number = 0;
    rows.forEach((row) => {
      row.hidden = false;
      if (page.length && over(box)) {
        page.forEach((one) => (one.hidden = true));
        page = [];
        number += 1;
      }
      if (!page.length && over(box)) row.style.setProperty("--fit", box.clientHeight / box.scrollHeight);
      page.push(row);
      row.dataset.page = number;
    });
    box.dataset.pages = number + 1;
  }

  function turn(box, time) {
    const page = Math.floor(time / PAGE) % +box.dataset.pages;
    [...box.children].forEach((row) => (row.hidden = +row.dataset.page !== page));
  }

  function show() {
    const quiet = performance.now() - heard;
    const time = performance.now() - began;
    const all = faces();
    const at = Math.floor(time / FACE) % all.length;
    all.forEach((face, index) => (face.hidden = index !== at));
    if (!("fitted" in all[at].dataset)) fit(all[at]);
    turn(all[at].querySelector(".pools"), time);
    turn(all[at].querySelector(".bays"), time);
    stale.hidden = quiet < STALE;
    if (!stale.hidden) stale.textContent = stale.dataset[all[at].lang];
    board.classList.toggle("old", quiet > HIDE);
    frame.style.transform = Math.floor(time / SHIFT) % 2 ? "translate(2px,2px)" : "";
  }

  addEventListener("resize", () => faces().forEach((face) => delete face.dataset.fitted));

  // --- sound: only where it is asked for, and the browser allows it

  function chime() {
    if (!window.AudioContext) return;
    audio = audio || new AudioContext();
    audio.resume();
    TONES.forEach((hertz, at) => {
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      tone.frequency.value = hertz;
      volume.gain.value = 0.3;
      tone.connect(volume).connect(audio.destination);
      tone.start(audio.currentTime + at * 0.2);
      tone.stop(audio.currentTime + (at + 1) * 0.2);
    });
  }

  function listen() {
    source = new EventSource(board.dataset.events);
    source.onmessage = (message) => take(JSON.parse(message.data));
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
