/* The panel of the simulated site: shows what lamps and displays show, and does what people and cars do. */
"use strict";
(function () {
  const $ = (id) => document.getElementById(id);
  const forms = JSON.parse(document.body.dataset.waveforms);
  const suffix = document.body.dataset.suffix;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const bays = [...document.querySelectorAll(".bay")];
  const LOOK = 500;
  const OFF = { waveform: "off", colour: "#000000", second_colour: null };
  let lamps = [];
  let chosen = 0;
  let digits = "";
  let rate = 1;
  let site = null;

  async function send(path, body) {
    try {
      const answer = await fetch(path + suffix, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      const told = await answer.json().catch(() => ({}));
      $("said").textContent = told.error || "";
    } catch (error) {
      darken(); // a controller without power answers nothing
    }
    look();
  }

  function deed(bay, name) {
    const connector = bay.querySelector("select");
    const ev = { soc_percent: Math.min(100, Math.max(0, +$("soc").value || 0)) };
    const bodies = {
      drive_in: { ev },
      plug_in: connector ? { connector: +connector.value } : {},
      swipe: { id_token: $("token").value },
      fault: { code: $("code").value },
      clear: { code: $("code").value },
    };
    if (connector && name === "drive_in") ev.standard = connector.selectedOptions[0].textContent.split(" · ")[1];
    send("/twin/evse/" + bay.dataset.evse + "/" + name, bodies[name] || {});
  }

  // --- what is shown

  async function look() {
    try {
      const answer = await fetch("/twin/state" + suffix, { cache: "no-store" });
      show(await answer.json());
    } catch (error) {
      darken();
    }
  }

  /** Without a controller there is no light and no word; the cars are where they were. */
  function darken() {
    if (!$("dark").hidden) return;
    $("dark").hidden = false;
    document.body.toggleAttribute("data-dark", true);
    lamps = [];
    bays.forEach((bay) => {
      bay.querySelector(".lamp-said").textContent = document.body.dataset.lampOff;
      bay.querySelector(".cable").toggleAttribute("data-live", false);
      const display = bay.querySelector(".display");
      display.alt = display.dataset.dark;
    });
  }

  function toggle(button, off) {
    if (!button) return;
    button.textContent = off ? button.dataset.off : button.dataset.on;
    button.toggleAttribute("data-off-now", off);
  }

  function show(state) {
    $("dark").hidden = true;
    document.body.toggleAttribute("data-dark", false);
    digits = state.digits;
    rate = state.clock.rate;
    $("now").textContent = state.clock.said;
    document.querySelectorAll("[data-rate]").forEach((one) => {
      one.setAttribute("aria-pressed", String(+one.dataset.rate === rate));
    });
    if ($("pause")) {
      $("pause").setAttribute("aria-pressed", String(rate === 0));
      toggle($("pause"), rate === 0);
    }
    site = state.site;
    if (site) {
      $("next").setAttribute("aria-pressed", String(state.clock.ahead));
      toggle($("trust"), !site.clock_trusted);
      toggle($("internet"), site.internet_cut);
      toggle($("replay"), site.replaying !== null);
      $("day").disabled = site.replaying !== null;
      if (site.replaying) $("day").value = site.replaying;
      name();
    }
    lamps = state.evses.map((row) => row.lamp);
    state.evses.forEach((row, at) => put(bays[at], row));
  }

  function name() {
    $("source").textContent = $("day").selectedOptions[0].dataset.source;
  }

  function put(bay, row) {
    const part = (name) => bay.querySelector(name);
    const stay = row.transaction;
    part(".car").toggleAttribute("hidden", !row.bay.occupied);
    part(".car text").textContent = stay && stay.code ? stay.code : "";
    const cable = part(".cable");
    cable.toggleAttribute("hidden", !row.plug);
    cable.toggleAttribute("data-live", row.energised);
    part(".lamp-said").textContent = row.lamp_said;
    const display = part(".display");
    if (display.getAttribute("src") !== row.png) display.src = row.png;
    display.alt = row.display_said;
    const facts = [];
    if (row.car && row.bay.occupied) facts.push(Math.round(row.car.soc_percent) + " %");
    if (row.meter.power_w) facts.push((row.meter.power_w / 1000).toFixed(1) + " kW");
    if (stay && stay.energy_wh) facts.push((stay.energy_wh / 1000).toFixed(1) + " kWh");
    part(".facts").textContent = facts.concat(row.faults).join(" · ");
  }

  function level(form, seconds) {
    const phase = seconds % form.period;
    if (form === forms.breathe) return 0.25 + (0.75 * (1 - Math.cos((2 * Math.PI * phase) / form.period))) / 2;
    return form.on.some(([from, to]) => from <= phase && phase < to) ? 1 : 0;
  }

  function shine() {
    const seconds = performance.now() / 1000;
    bays.forEach((bay, at) => {
      const lamp = lamps[at] || OFF;
      const form = forms[lamp.waveform];
      const phase = seconds % form.period;
      const second = form.second && form.second[0] <= phase && phase < form.second[1];
      const colour = second && !still.matches ? lamp.second_colour : lamp.colour;
      const bright = lamp.waveform === "off" ? 0 : still.matches ? 1 : level(form, seconds);
      const light = bay.querySelector(".lamp");
      const glow = bay.querySelector(".glow");
      light.style.fill = bright ? colour : "#222";
      light.style.fillOpacity = bright || 1;
      glow.style.fill = colour;
      glow.style.opacity = bright * 0.35;
    });
    requestAnimationFrame(shine);
  }

  // --- hands

  function choose(at, focus) {
    chosen = (at + bays.length) % bays.length;
    bays.forEach((bay, index) => bay.toggleAttribute("data-selected", index === chosen));
    if (focus) bays[chosen].focus();
  }

  bays.forEach((bay, at) => {
    bay.addEventListener("focusin", () => choose(at, false));
    bay.querySelectorAll("[data-deed]").forEach((button) => {
      button.addEventListener("click", () => deed(bay, button.dataset.deed));
    });
  });

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || /INPUT|SELECT/.test(event.target.tagName)) return;
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    if (event.key in steps) {
      choose(chosen + steps[event.key], true);
      event.preventDefault();
      return;
    }
    const button = bays[chosen].querySelector('[data-key="' + CSS.escape(event.key.toLowerCase()) + '"]');
    if (button) button.click();
  });

  document.querySelectorAll("[data-rate]").forEach((button) => {
    button.addEventListener("click", () => send("/twin/clock", { rate: +button.dataset.rate }));
  });
  if ($("pause")) $("pause").addEventListener("click", () => send("/twin/clock", { paused: rate !== 0 }));

  function when(id, deed) {
    if ($(id)) $(id).addEventListener("click", deed);
  }

  when("next", () => send("/twin/clock", { next: true }));
  when("trust", () => send("/twin/clock", { trusted: !site.clock_trusted }));
  when("power", () => send("/twin/power", { dark_s: Math.max(0, +$("dark-s").value || 0) }));
  when("internet", () => send("/twin/internet", { cut: !site.internet_cut }));
  when("replay", () => send("/twin/replay", { day: site.replaying ? null : $("day").value }));
  document.querySelectorAll("[data-step]").forEach((button) => {
    button.addEventListener("click", () => send("/twin/clock", { step_h: +button.dataset.step }));
  });
  if ($("day")) $("day").addEventListener("change", name);

  $("phone").addEventListener("click", () => {
    const frame = $("frame");
    frame.hidden = !frame.hidden;
    $("phone").setAttribute("aria-expanded", String(!frame.hidden));
    if (!frame.hidden) frame.firstElementChild.src = "/" + digits + suffix;
  });

  choose(0, false);
  look();
  setInterval(look, LOOK);
  shine();
})();
