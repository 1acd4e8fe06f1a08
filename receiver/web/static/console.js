// The console works without this file. With it, pages update in place, times are relative, and keys work.
(() => {
  "use strict";
  const body = document.body, root = body.dataset.root || "";
  document.documentElement.classList.add("scripted");
  const all = (query, from = document) => Array.from(from.querySelectorAll(query));
  const typing = (element) => element && /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName) && element.type !== "checkbox";

  // Times: relative beside what the server wrote; local or UTC as chosen.
  const local = () => { try { return localStorage.getItem("zone") === "local"; } catch { return false; } };
  const relative = (at, now) => {
    const seconds = Math.round((at - now) / 1000), size = Math.abs(seconds);
    const words = size < 60 ? `${size} s` : size < 5400 ? `${Math.round(size / 60)} min`
      : size < 172800 ? `${Math.round(size / 3600)} h` : `${Math.round(size / 86400)} d`;
    return seconds > 0 ? `in ${words}` : `${words} ago`;
  };
  const offset = Date.parse(body.dataset.now || "") - Date.now() || 0;
  const countdown = (ms) => {
    const left = Math.max(0, Math.round(ms / 1000));
    return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  };
  const tick = () => {
    const now = Date.now() + offset;
    for (const one of all("time[datetime]")) {
      const at = Date.parse(one.dateTime);
      if (Number.isNaN(at)) continue;
      if (!one.title) one.title = one.textContent;
      const written = local() ? new Date(at).toLocaleString() : one.title;
      const wanted = "until" in one.dataset ? `in ${countdown(at - now)}`
        : "ago" in one.dataset ? relative(at, now) : written;
      if (one.textContent !== wanted) one.textContent = wanted;
    }
  };
  tick();
  setInterval(tick, 1000);
  // A relative time that is pressed shows the time itself, and the other way round.
  document.addEventListener("click", (event) => {
    const one = event.target.closest("time[data-ago], time[data-exact]");
    if (!one || one.closest("a, button, summary")) return;
    if ("ago" in one.dataset) { delete one.dataset.ago; one.dataset.exact = ""; } else { delete one.dataset.exact; one.dataset.ago = ""; }
    tick();
  });
  const zone = document.getElementById("zone");
  if (zone) {
    const show = () => { zone.textContent = local() ? "Local time" : "UTC"; };
    show();
    zone.addEventListener("click", () => {
      try { localStorage.setItem("zone", local() ? "utc" : "local"); } catch { /* it stays as it is */ }
      show();
      tick();
    });
  }

  // The wall screen may sound for each incident that waits for an answer, once a person has pressed the button,
  // which browsers require. The tones are made here; no file is played.
  const sound = document.getElementById("sound");
  const waiting = () => all("[data-unanswered]").map((one) => one.id);
  let tones = null, known = new Set(waiting());
  const ring = () => {
    for (const [place, pitch] of [880, 660, 880].entries()) {
      const begins = tones.currentTime + place * 0.25, tone = tones.createOscillator(), volume = tones.createGain();
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.4, begins);
      volume.gain.linearRampToValueAtTime(0, begins + 0.22);
      tone.connect(volume).connect(tones.destination);
      tone.start(begins);
      tone.stop(begins + 0.22);
    }
  };
  const listen = () => {
    const now = waiting(), fresh = now.some((id) => !known.has(id));
    known = new Set(now);
    if (fresh && tones) ring();
  };
  if (sound) {
    const wanted = () => { try { return localStorage.getItem("sound") === "on"; } catch { return false; } };
    const show = () => {
      sound.textContent = tones ? "Sound: on" : wanted() ? "Press to turn the sound on again" : "Sound: off";
      sound.setAttribute("aria-pressed", String(!!tones));
    };
    sound.addEventListener("click", async () => {
      const before = tones;
      tones = before ? null : new AudioContext();
      try { localStorage.setItem("sound", tones ? "on" : "off"); } catch { /* it is asked for again after a reload */ }
      show();
      if (before) { await before.close(); return; }
      await tones.resume();
      ring();
    });
    show();
  }

  // Live: an event says that something changed; the page is asked for again and its live parts are replaced.
  let asking = false, again = false, timer = 0;
  const busy = (part) => part.contains(document.activeElement) && typing(document.activeElement)
    || all("textarea, input[type=text], input[type^=date], input:not([type])", part).some((one) => one.value !== one.defaultValue);
  const refresh = async () => {
    if (asking) { again = true; return; }
    asking = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual" });
      if (answer.type === "opaqueredirect") { location.reload(); return; }
      if (answer.status !== 200 && answer.status !== 503) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!body.dataset.stream && fresh.body.dataset.stream) { location.reload(); return; }
      // Without the store nothing can be changed: what was typed stays, and the buttons work again once it is back.
      const away = !fresh.body.dataset.stream, strips = document.getElementById("strips");
      for (const one of all("main form[method=post]:not(.who) button")) one.disabled = away;
      // Some pages cannot be made without it: the one that is open stays, and says why nothing can be sent.
      if (away && strips && !fresh.getElementById("strips")) {
        const said = Object.assign(document.createElement("p"), { className: "strip", role: "alert" });
        said.textContent = "The incident store is unavailable. Your input is kept; send it when the store is back.";
        strips.replaceChildren(said);
        strips.dataset.sent = "away";
        return;
      }
      // The list may have another order: the same incident stays selected, or none is.
      const selected = cards()[picked]?.id;
      document.title = fresh.title;
      const icon = document.querySelector("link[rel=icon]"), newer = fresh.querySelector("link[rel=icon]");
      if (icon && newer) icon.href = newer.href;
      for (const part of all("[data-live]")) {
        const other = fresh.getElementById(part.id);
        if (!other || busy(part)) continue;
        if (part.dataset.sent === other.innerHTML) continue;
        const open = all("details[id]", part).filter((one) => one.open).map((one) => one.id);
        const checked = all("input[type=checkbox][value]:checked", part).map((one) => one.value);
        const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
        part.dataset.sent = other.innerHTML;
        part.innerHTML = other.innerHTML;
        for (const one of all("details[id]", part)) if (open.includes(one.id)) one.open = true;
        for (const one of all("input[type=checkbox][value]", part)) if (checked.includes(one.value)) one.checked = true;
        if (focused) document.getElementById(focused)?.focus();
      }
      pick(selected ? cards().findIndex((one) => one.id === selected) : -1);
      tick();
      listen();
    } catch { /* the stream connects again, and asks again */ } finally {
      asking = false;
      if (again) { again = false; refresh(); }
    }
  };
  for (const part of all("[data-live]")) part.dataset.sent = part.innerHTML;
  if (body.dataset.stream && window.EventSource) {
    const dot = document.getElementById("live"), stream = new EventSource(body.dataset.stream);
    const stale = document.getElementById("stale");
    let opened = false, cut = 0;
    const say = (on) => {
      if (dot) { dot.classList.toggle("on", on); dot.title = on ? "Live" : "Not connected"; }
      if (!stale) return;
      clearTimeout(cut);
      // The stream ends every few minutes and begins again at once: that alone is no news.
      if (on) stale.hidden = true; else cut = setTimeout(() => { stale.hidden = false; }, 10000);
    };
    stream.onopen = () => { say(true); if (opened) refresh(); opened = true; };
    stream.onerror = () => say(false);
    // Whether the store and the pagers answer: that changes no incident.
    let state = body.dataset.state;
    stream.addEventListener("state", (event) => {
      if (event.data !== state) refresh();
      state = event.data;
    });
    stream.addEventListener("change", (event) => {
      const about = body.dataset.incident;
      if (about && event.data !== about) return;
      clearTimeout(timer);
      timer = setTimeout(refresh, 100);
    });
  }

  // A page that was made without the store looks for it.
  if (!body.dataset.stream) setInterval(refresh, 15000);
  // Nobody reloads a wall screen: it also shows what no event tells of, such as a store that is away.
  if ("wall" in body.dataset) setInterval(refresh, 60000);

  // Keys. They press what is on the page, so they can do nothing that a button cannot.
  let picked = -1;
  const cards = () => all("[data-card]");
  const pick = (index) => {
    const found = cards();
    found.forEach((one) => one.removeAttribute("data-picked"));
    if (index < 0 || !found.length) { picked = -1; return; }
    picked = Math.min(index, found.length - 1);
    found[picked].setAttribute("data-picked", "");
    found[picked].scrollIntoView({ block: "nearest" });
  };
  const press = (key) => {
    const card = cards()[picked];
    const button = (card && card.querySelector(`[data-key="${key}"]`)) || (!cards().length && document.querySelector(`[data-key="${key}"]`));
    if (!button) return false;
    const folded = button.closest("details");
    if (folded) folded.open = true;
    if (button.tagName === "DETAILS") { button.open = true; button.querySelector("summary").focus(); }
    else if (typing(button)) button.focus();
    else button.click();
    return true;
  };
  const help = document.getElementById("keys");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key;
    if (key === "Escape") {
      if (help && help.open) help.close();
      if (document.activeElement) document.activeElement.blur();
      return;
    }
    if (typing(document.activeElement)) return;
    const card = cards()[picked];
    if (key === "j") pick(picked + 1);
    else if (key === "k") pick(Math.max(0, picked - 1));
    else if (key === "Enter" && card && document.activeElement === body) card.querySelector("a").click();
    else if (key === "x" && card) { const box = card.querySelector("input[type=checkbox]"); if (box) box.checked = !box.checked; }
    else if (key === "?" && help) { if (help.open) help.close(); else help.showModal(); }
    else if (key === "/") { const search = document.getElementById("q"); if (search) search.focus(); else location.href = `${root}/#q`; }
    else if (!(/^[arencs]$/.test(key) && press(key))) return;
    event.preventDefault();
  });
  if (location.hash === "#q") document.getElementById("q")?.focus();

  // A link to something that is folded unfolds it.
  const reveal = () => {
    const one = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!one) return;
    const inner = one.matches("[data-live]") && one.querySelector(":scope > details");
    if (inner) inner.open = true;
    for (let outer = one.closest("details"); outer; outer = outer.parentElement.closest("details")) outer.open = true;
    one.scrollIntoView();
  };
  window.addEventListener("hashchange", reveal);
  reveal();

  // A document is copied as its Markdown.
  const copy = document.getElementById("copy"), source = document.getElementById("markdown");
  const put = async (text) => {
    try { await navigator.clipboard.writeText(text); return true; } catch { /* without TLS there is no clipboard */ }
    const box = document.createElement("textarea");
    box.value = text;
    body.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    return done;
  };
  if (copy && source) copy.addEventListener("click", async () => {
    const answer = await fetch(source.href);
    const done = answer.ok && await put(await answer.text());
    copy.textContent = done ? "Copied" : "Not copied: use Download";
  });

  // A button is pressed once.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) event.preventDefault();
    else event.target.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => all("form[data-sent]").forEach((one) => delete one.dataset.sent));
})();
