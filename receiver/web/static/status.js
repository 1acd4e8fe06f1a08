for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  time.title = time.textContent;
  time.textContent = at.toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
  const minutes = Math.round((at - Date.now()) / 60000);
  if (time.classList.contains("ago") && Math.abs(minutes) < 2880) {
    const say = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
    time.textContent += " (" + (Math.abs(minutes) < 90 ? say.format(minutes, "minute") : say.format(Math.round(minutes / 60), "hour")) + ")";
  }
}
for (const strip of document.querySelectorAll(".bars")) {
  const bars = [...strip.querySelectorAll("button")];
  strip.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7, Home: -90, End: 90 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const here = bars.indexOf(document.activeElement);
    const next = bars[Math.min(bars.length - 1, Math.max(0, here + step))];
    bars[here].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}
