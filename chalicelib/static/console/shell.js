// The frame of a console: signing in, the menu, the address, the keys.
import { comeBack, goToIssuer, onThisMachine, signInHere, signInWith, signedIn, signOut } from "./session.js";
import { h, problem } from "./ui.js";
import { languageIs, speak, t } from "./words.js";

export function start({ title, menu, pages }) {
  const main = h("main", { id: "main", tabindex: "-1" });
  const nav = h("nav", { "aria-label": title });
  const header = h("header", {}, h("a", { class: "skip", href: "#main", onclick: (event) => { event.preventDefault(); main.focus(); } }, "Skip to the page"), h("h1", {}, title), nav);
  document.body.append(header, main);

  function frame() {
    const path = location.hash.slice(2) || menu[0][0];
    nav.replaceChildren(
      ...(signedIn() ? menu.map(([address, label]) => h("a", { href: `#/${address}`, "aria-current": path.split("/")[0] === address ? "page" : null }, t(label))) : []),
      h("button", { type: "button", onclick: () => { speak(languageIs() === "en" ? "am" : "en"); show(); } }, languageIs() === "en" ? "አማርኛ" : "English"),
      signedIn() ? h("button", { type: "button", onclick: () => { signOut(); show(); } }, t("Sign out")) : "",
    );
  }

  let shown = 0;
  async function show() {
    const mine = ++shown;
    frame();
    if (!signedIn()) return main.replaceChildren(door());
    const [name, ...rest] = (location.hash.slice(2) || menu[0][0]).split("/").map(decodeURIComponent);
    main.replaceChildren();
    try {
      const page = pages[name];
      const made = page ? await page(...rest, show) : h("p", {}, "There is no such page.");
      // A slow page must not come over the one that was asked for after it.
      if (mine === shown) main.replaceChildren(...[made].flat(Infinity));
    } catch (error) {
      if (mine !== shown) return;
      main.replaceChildren(...[problem(error), signedIn() ? "" : door()].filter(Boolean));
      frame();
    }
  }

  function door() {
    const out = h("output", {});
    const enter = (way) => async (event) => {
      event.preventDefault();
      try {
        await way(event);
        await show();
      } catch (error) {
        out.replaceChildren(problem(error));
      }
    };
    return h("section", { class: "door" }, h("h2", {}, t("Sign in")),
      onThisMachine
        ? h("button", { type: "button", class: "primary", onclick: enter(signInHere) }, `${t("Sign in")} (${document.body.dataset.sub})`)
        : h("button", { type: "button", class: "primary", onclick: enter(goToIssuer) }, t("Sign in")),
      h("details", {}, h("summary", {}, "With an access token"),
        h("form", { onsubmit: enter((event) => signInWith(new FormData(event.target).get("token"))) },
          h("label", {}, "Access token", h("textarea", { name: "token", required: true, rows: "3" })), h("button", { type: "submit" }, t("Sign in")))),
      out);
  }

  function keys(event) {
    if (event.target.closest("input, textarea, select, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = [...main.querySelectorAll("[data-row]")];
    const at = rows.indexOf(document.activeElement.closest?.("[data-row]"));
    if (event.key === "/") { event.preventDefault(); document.getElementById("find")?.focus() ?? location.assign("#/search"); }
    else if (event.key === "j") rows[Math.min(rows.length - 1, at + 1)]?.focus();
    else if (event.key === "k") rows[Math.max(0, at - 1)]?.focus();
    else if (event.key === "Enter" && at >= 0 && document.activeElement === rows[at]) rows[at].querySelector("a")?.click();
    else if (event.key === "?") help();
  }

  function help() {
    const dialog = h("dialog", { onclose: () => dialog.remove() }, h("form", { method: "dialog" }, h("h2", {}, t("Keys")),
      h("dl", { class: "facts" }, [["/", "find"], ["j, k", "the next, the one before"], ["Enter", "open"], ["?", "this list"]].map(([key, says]) => [h("dt", {}, key), h("dd", {}, says)])),
      h("button", {}, "OK")));
    document.body.append(dialog);
    dialog.showModal();
  }

  addEventListener("hashchange", () => { show().then(() => main.focus()); });
  document.addEventListener("keydown", keys);
  comeBack().catch((error) => main.replaceChildren(problem(error))).finally(show);
}
