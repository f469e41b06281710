// Search as you type: fetches the list of results and puts it in place. Without it the form works as forms do.
"use strict";

(() => {
  const form = document.querySelector("form[data-live]");
  const results = document.getElementById("results");
  if (!form || !results) return;
  const input = form.querySelector("input");
  const said = form.querySelector("[data-said]");
  const onSearchPage = location.pathname === "/search";
  let waiting = 0;
  let asked = null;

  const show = (html) => {
    results.innerHTML = html;
    const count = results.querySelector("[data-count]");
    said.textContent = count ? count.textContent : "";
    said.classList.add("hidden"); // the heading shows it; this one is read aloud
    document.dispatchEvent(new Event("lockgroove:tracks"));
  };

  const ask = async () => {
    const query = input.value.trim();
    if (asked) asked.abort();
    asked = new AbortController();
    const narrowed = [...new FormData(form)].filter(([name, value]) => name !== "q" && value.trim());
    const address = `/search?${new URLSearchParams([["q", query], ...narrowed])}`;
    try {
      const answer = await fetch(`${address}&part=results`, { signal: asked.signal });
      if (!answer.ok) return;
      show(await answer.text());
      if (onSearchPage) history.replaceState(null, "", query ? address : "/search");
    } catch (error) {
      if (error.name !== "AbortError") said.textContent = "The archive does not answer just now.";
    }
  };

  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, 150);
  });
})();
