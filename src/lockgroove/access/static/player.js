// Plays what the page lists: one sound, one bar, keys, and the system's media controls.
// Without it the page's own <audio controls> and links do the same more plainly.
"use strict";

(() => {
  const SEEK_SECONDS = 5;
  const native = document.querySelector("[data-player] audio");
  const audio = native || new Audio();
  let tracks = [];
  let current = null;
  let bar = null;

  const make = (tag, attributes, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  const clock = (seconds) => {
    const whole = Math.max(0, Math.round(seconds || 0));
    const minutes = Math.floor(whole / 60);
    return `${minutes}:${String(whole % 60).padStart(2, "0")}`;
  };

  const start = () => (current && current.dataset.start ? current.dataset.start / 1000 : 0);

  const length = () => {
    if (!current) return 0;
    if (current.dataset.end) return current.dataset.end / 1000 - start();
    if (Number.isFinite(audio.duration)) return audio.duration - start();
    return (current.dataset.duration || 0) / 1000;
  };

  const position = () => Math.max(0, audio.currentTime - start());

  const seek = (seconds) => {
    audio.currentTime = start() + Math.min(Math.max(0, seconds), Math.max(0, length() - 0.05));
    draw();
  };

  const load = (track) => {
    current = track;
    const { src, start: from, end: to } = track.dataset;
    const stretch = from || to ? `#t=${(from || 0) / 1000}${to ? `,${to / 1000}` : ""}` : "";
    if (audio.dataset.loaded !== src + stretch) {
      audio.src = src + stretch;
      audio.dataset.loaded = src + stretch;
    }
    tell();
  };

  const play = (track) => {
    if (track !== current) load(track);
    if (position() >= length() - 0.1) seek(0);
    audio.play().catch(() => {});
  };

  const toggle = (track) => {
    if (track === current && !audio.paused) audio.pause();
    else play(track);
  };

  const step = (by) => {
    const next = tracks[tracks.indexOf(current) + by];
    if (next) play(next);
  };

  const tell = () => {
    if (!("mediaSession" in navigator)) return;
    const { title, artist, album } = current.dataset;
    navigator.mediaSession.metadata = new MediaMetadata({ title, artist, album });
  };

  const listenToSystem = () => {
    if (!("mediaSession" in navigator)) return;
    const answers = {
      play: () => current && play(current),
      pause: () => audio.pause(),
      previoustrack: () => step(-1),
      nexttrack: () => step(1),
      seekbackward: () => seek(position() - SEEK_SECONDS),
      seekforward: () => seek(position() + SEEK_SECONDS),
      seekto: (details) => seek(details.seekTime - start()),
    };
    for (const [action, answer] of Object.entries(answers)) {
      try {
        navigator.mediaSession.setActionHandler(action, answer);
      } catch {
        // an action this browser does not know
      }
    }
  };

  const buildBar = (track) => {
    const inPlace = document.querySelector("[data-player]");
    const button = make("button", { type: "button", class: "play" });
    const line = make("input", { type: "range", min: "0", step: "1", value: "0", "aria-label": "Position" });
    const now = make("output", { class: "clock" });
    const name = make("span", { class: "name" });
    bar = make("div", { class: inPlace ? "bar" : "bar floating", role: "group", "aria-label": "Player" });
    bar.append(button, line, now, name);
    button.addEventListener("click", () => toggle(current || track));
    line.addEventListener("input", () => seek(Number(line.value)));
    (inPlace || document.body).append(bar);
    if (!inPlace) document.body.classList.add("has-bar");
    if (inPlace) name.remove();
    return bar;
  };

  const draw = () => {
    const playing = !audio.paused && !audio.ended;
    for (const track of tracks) {
      const on = track === current && playing;
      track.classList.toggle("playing", on);
      const button = track.querySelector("button.thumb");
      if (button) button.setAttribute("aria-label", `${on ? "Pause" : "Play"} ${track.dataset.title}`);
    }
    document.body.classList.toggle("sounding", playing);
    if (!bar || !current) return;
    const [button, line, now, name] = bar.children;
    button.classList.toggle("on", playing);
    button.setAttribute("aria-label", playing ? "Pause" : "Play");
    line.max = String(Math.max(1, Math.round(length())));
    line.value = String(Math.round(position()));
    line.setAttribute("aria-valuetext", `${clock(position())} of ${clock(length())}`);
    const part = length() ? Math.min(1, position() / length()) : 0;
    line.style.setProperty("--part", `${part * 100}%`);
    now.textContent = `${clock(position())} / ${clock(length())}`;
    if (name) name.textContent = `${current.dataset.title}${current.dataset.artist ? `, ${current.dataset.artist}` : ""}`;
  };

  const stopAtEnd = () => {
    if (current && current.dataset.end && audio.currentTime >= current.dataset.end / 1000 && !audio.paused) {
      audio.pause();
      step(1);
    }
    draw();
  };

  const cannot = () => {
    if (!current) return;
    const told = current.querySelector("[data-cannot]");
    if (told) told.hidden = false;
    current.classList.add("silent");
  };

  // The record in a row becomes its play button.
  const adopt = (track) => {
    const thumb = track.querySelector("span.thumb");
    if (!thumb) return;
    const button = make("button", { type: "button", class: "thumb" }, ...thumb.childNodes);
    button.addEventListener("click", () => {
      if (!bar) buildBar(track);
      toggle(track);
    });
    thumb.replaceWith(button);
  };

  const gather = () => {
    tracks = [...document.querySelectorAll("[data-track]")].filter((t) => audio.canPlayType(t.dataset.type) || t.matches("[data-player]"));
    tracks.forEach(adopt);
    if (current && !tracks.includes(current)) {
      const same = tracks.find((t) => t.dataset.src === current.dataset.src && t.dataset.start === current.dataset.start);
      if (same) current = same;
    }
    draw();
  };

  const own = (target) => target.closest("input:not([type=range]), textarea, select, summary, [contenteditable]");

  document.addEventListener("keydown", (event) => {
    if (!bar || own(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && !event.target.closest("button, a")) toggle(current || tracks[0]);
    else if (event.key === "ArrowRight") seek(position() + SEEK_SECONDS);
    else if (event.key === "ArrowLeft") seek(position() - SEEK_SECONDS);
    else return;
    event.preventDefault();
  });

  for (const name of ["play", "pause", "ended", "loadedmetadata", "seeked"]) audio.addEventListener(name, draw);
  audio.addEventListener("timeupdate", stopAtEnd);
  audio.addEventListener("ended", () => step(1));
  audio.addEventListener("error", cannot);
  document.addEventListener("lockgroove:tracks", gather);

  gather();
  listenToSystem();
  if (native) {
    const track = native.closest("[data-track]");
    native.removeAttribute("controls");
    native.dataset.loaded = native.getAttribute("src").replace(/#.*/, "") === track.dataset.src ? native.getAttribute("src") : "";
    buildBar(track);
    load(track);
    if (!audio.canPlayType(track.dataset.type) || audio.error) cannot();
    draw();
  }
})();
