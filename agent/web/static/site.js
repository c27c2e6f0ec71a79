/* Keeps a page fresh. Every page is complete without this script; it only saves the reload.
   One object comes by event stream or by polling; what is announced and what is counted down is in it. */
"use strict";
(function () {
  const $ = (id) => document.getElementById(id);
  const errors = $("errors");
  if (errors && !("autofocus" in HTMLElement.prototype)) errors.focus(); // only old browsers need help

  const join = document.querySelector("form.join");
  if (join) {
    const button = join.querySelector("button");
    const name = () => {
      const chosen = join.querySelector("input[name=pool]:checked");
      if (chosen && !join.elements.anyway)
        button.textContent = "free" in chosen.dataset ? join.dataset.get : join.dataset.join;
    };
    join.addEventListener("change", name);
    name();
  }

  const live = $("live");
  if (!live) return;

  const path = live.dataset.path;
  const query = live.dataset.lang ? "?lang=" + live.dataset.lang : "";
  const CALLED = ["called", "bay_changed"];
  const CHECK = { called: 5e3, bay_changed: 5e3, next: 15e3 }; // by polling; else 30 s
  const SILENT = 20e3; // the stream speaks every 10 s: silent for two of them, it is dead
  const LATE = 10e3; // without any answer for so long, the page says so
  const now = () => performance.now();
  const polite = $("polite");
  const assertive = $("assertive");
  const offline = $("offline");
  const asOf = $("as-of");
  const back = $("back"); // says that the site started again meanwhile

  let state = live.dataset.state;
  let eventId = live.dataset.event;
  let revision = live.dataset.revision;
  let boot = +live.dataset.boot;
  let at = live.dataset.at; // the site's time of the last news; empty while nobody knows it
  let deadline = null; // on performance.now(): the phone's clock may be wrong
  let shown = ""; // the time left as it stands on the page
  let said = 0; // seconds left when it was last said
  let heard = now();
  let source = null;
  let poller = null; // the next poll, when one is due
  let failing = null; // since when nothing has come
  let refused = false; // whether the last poll failed as well
  let fetching = false;
  let chimes = 0;
  let audio = null;
  let lock = null;

  const span = (ms) => {
    const s = Math.max(0, Math.ceil(ms / 1000));
    const two = (n) => (n < 10 ? "0" : "") + n;
    const h = Math.floor(s / 3600);
    const m = Math.floor(s / 60) % 60;
    return (h ? h + ":" + two(m) : m) + ":" + two(s % 60);
  };

  const say = (text, assertively) => {
    const region = assertively ? assertive : polite;
    if (text) region.textContent = text;
  };

  // --- the time left

  function count(left) {
    if (left === null || left === undefined) {
      deadline = null;
      return;
    }
    const next = now() + left;
    if (deadline === null || Math.abs(next - deadline) > 1500) said = left / 1000;
    deadline = next;
    shown = span(left);
    tick();
  }

  function tick() {
    if (deadline === null) return;
    const left = deadline - now();
    const text = span(left);
    const timer = live.querySelector(".timer");
    if (timer) {
      const around = timer.dataset.like.split("59:59");
      let number = timer.querySelector("b");
      if (!number) {
        timer.textContent = "";
        number = document.createElement("b");
        timer.append(around[0], number, around[1]);
      }
      if (number.textContent !== text) number.textContent = text;
    } else if (text !== shown) {
      live.querySelectorAll(".body").forEach((p) => {
        if (p.textContent.includes(shown)) p.textContent = p.textContent.replace(shown, text);
      });
    }
    shown = text;
    if (CALLED.includes(state)) {
      [120, 60, 30].forEach((s) => {
        if (said > s && left / 1000 <= s) {
          said = s;
          say(polite.dataset["s" + s], s === 30);
        }
      });
    }
  }
  setInterval(tick, 250);

  // --- what came

  function take(event) {
    heard = now();
    failing = null;
    refused = false;
    const before = state;
    state = event.state;
    const place = event.position !== null || CALLED.includes(state);
    const again = event.boot !== boot && place;
    boot = event.boot;
    if (again) say(back.textContent, false);
    else if (!offline.hidden) say(offline.firstElementChild.dataset.back, false);
    offline.hidden = true;
    back.hidden = !again && (back.hidden || event.event_id !== eventId);
    document.title = event.title + live.dataset.site;
    asOf.textContent = event.as_of;
    at = event.at;
    if (event.revision !== revision) renew();
    else put(event);
    count(event.left_ms);
    if (event.event_id !== eventId) {
      eventId = event.event_id;
      say(event.say, event.politeness === "assertive");
      if (CALLED.includes(state)) called();
    }
    if (before !== state) mode();
  }

  function put(event) {
    const lines = live.querySelectorAll(".body");
    $("h1").textContent = event.h1;
    event.body.forEach((text, at) => {
      if (lines[at] && lines[at].textContent !== text) lines[at].textContent = text;
    });
  }

  // Another state has other buttons: take the page anew, and leave the focus where it is.
  async function renew() {
    if (fetching) return;
    fetching = true;
    try {
      const answer = await fetch(path + query, { credentials: "same-origin" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("live");
      if (!fresh) return location.assign(path + query);
      const focus = live.contains(document.activeElement) && document.activeElement.id;
      const open = [...live.querySelectorAll("details[open]")].map((one) => one.id);
      live.replaceChildren(...fresh.childNodes);
      open.forEach((id) => $(id) && ($(id).open = true));
      Object.assign(live.dataset, fresh.dataset);
      if (!("left" in fresh.dataset)) delete live.dataset.left;
      revision = fresh.dataset.revision;
      document.title = page.title;
      live.classList.remove("new");
      void live.offsetWidth;
      live.classList.add("new");
      if (focus && $(focus)) $(focus).focus({ preventScroll: true });
      count("left" in fresh.dataset ? +fresh.dataset.left : null);
    } catch (error) {
      revision = ""; // tried again with the next event
    } finally {
      fetching = false;
    }
  }

  // --- where it comes from

  function listen() {
    if (!window.EventSource) return poll();
    source = new EventSource(path + "/events" + query);
    source.onmessage = (message) => {
      clearTimeout(poller);
      poller = null;
      take(JSON.parse(message.data));
    };
    source.onerror = () => {
      failing = failing || now();
      later(3e3);
    };
  }

  const streaming = () => source && source.readyState === 1;

  function later(ms) {
    if (poller === null) poller = setTimeout(poll, ms);
  }

  async function poll() {
    clearTimeout(poller);
    poller = null;
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), 7e3);
    try {
      const answer = await fetch(path + "/state" + query, { signal: stop.signal, cache: "no-store" });
      if (answer.status === 404) return location.assign(path + query);
      if (!answer.ok) throw new Error(String(answer.status));
      take(await answer.json());
      if (!streaming()) later(CHECK[state] || 30e3);
    } catch (error) {
      refused = true;
      failing = failing || now();
      later(3e3);
    } finally {
      clearTimeout(timer);
    }
  }

  setInterval(() => {
    if (streaming() && now() - heard > SILENT) {
      source.close();
      poll();
    }
    if (source && source.readyState === 2 && !refused && now() - heard < SILENT) listen();
    if (refused && now() - failing > LATE && offline.hidden) {
      const words = offline.firstElementChild.dataset;
      const text = at ? words.like.replace("00:00", at) : words.text;
      offline.firstElementChild.textContent = text;
      offline.hidden = false;
      say(text, false);
    }
  }, 1e3);

  const look = () => {
    if (document.visibilityState === "visible") {
      quiet();
      poll();
    }
  };
  document.addEventListener("visibilitychange", look);
  addEventListener("pageshow", (event) => event.persisted && look());
  addEventListener("online", look);
  $("retry").addEventListener("click", poll);

  // --- being called: sound, vibration, icon, screen

  function chime() {
    if (!audio) return;
    [660, 880].forEach((hertz, at) => {
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      tone.frequency.value = hertz;
      volume.gain.value = 0.3;
      tone.connect(volume).connect(audio.destination);
      tone.start(audio.currentTime + at * 0.2);
      tone.stop(audio.currentTime + (at + 1) * 0.2);
    });
  }

  function called() {
    if (navigator.vibrate && (!navigator.userActivation || navigator.userActivation.hasBeenActive))
      navigator.vibrate([300, 150, 300, 150, 600]);
    chimes = 3;
    ring();
  }

  function ring() {
    if (chimes < 1) return;
    chimes -= 1;
    chime();
    setTimeout(ring, 1e4);
  }

  function quiet() {
    chimes = 0;
  }
  addEventListener("pointerdown", quiet);
  addEventListener("keydown", quiet);

  const sound = $("sound");
  $("switches").hidden = false;
  if (!window.AudioContext) sound.hidden = true;
  sound.addEventListener("click", () => {
    const on = sound.getAttribute("aria-pressed") !== "true";
    sound.setAttribute("aria-pressed", String(on));
    sound.textContent = on ? sound.dataset.off : sound.dataset.on;
    $("sound-hint").hidden = !on;
    if (on) {
      audio = new AudioContext();
      chime();
    } else {
      audio.close();
      audio = null;
    }
  });

  // Only over HTTPS, only while a call is near, only when asked for.
  const awake = $("awake");
  const canLock = window.isSecureContext && navigator.wakeLock;
  awake.addEventListener("click", async () => {
    if (lock) return release();
    try {
      lock = await navigator.wakeLock.request("screen");
      awake.setAttribute("aria-pressed", "true");
      setTimeout(release, 20 * 60e3);
    } catch (error) {
      awake.hidden = true;
    }
  });

  function release() {
    if (lock) lock.release();
    lock = null;
    awake.setAttribute("aria-pressed", "false");
  }

  function mode() {
    const near = state === "next" || CALLED.includes(state);
    awake.hidden = !(canLock && near);
    if (!near) release();
    $("switches").hidden = !(near || state === "waiting" || state === "snoozed");
    const icon = $("icon");
    const colour = CALLED.includes(state) ? "%23ffd23f" : "%236b7884";
    icon.href = icon.href.replace(/%23[0-9a-f]{6}/, colour);
  }

  mode();
  count("left" in live.dataset ? +live.dataset.left : null);
  listen();
})();
