// The frame of a console: signing in, the menu, the address, the keys.
import { tell, untell } from "./act.js";
import { comeBack, goToIssuer, onThisMachine, signInHere, signInWith, signedIn, signOut } from "./session.js";
import { field, h, problem } from "./ui.js";
import { languageIs, otherLanguage, speak, t } from "./words.js";

const where = () => location.hash.slice(2).split("/").map(decodeURIComponent);

// `menu`: the names of pages, the first of which is the one that is opened. Each page is given what follows its name
// in the address, and a function that shows it again.
export function start({ name, menu, pages }) {
  const main = h("main", { id: "main", tabindex: "-1" });
  const header = h("header", {});
  document.body.append(header, main);
  const page = () => where()[0] || menu[0];

  function frame() {
    const here = page();
    document.documentElement.lang = languageIs();
    document.title = t("title", { page: signedIn() && pages[here] ? t(`page.${here}`) : t("sign_in"), console: t(`console.${name}`) });
    const skip = (event) => { event.preventDefault(); main.focus(); };
    const link = (each) => h("a", { href: `#/${each}`, "aria-current": each === here ? "page" : null }, t(`page.${each}`));
    header.replaceChildren(...[
      h("a", { class: "skip", href: "#main", onclick: skip }, t("skip")),
      h("div", { class: "row top" }, h("h1", {}, t(`console.${name}`)),
        h("button", { type: "button", lang: otherLanguage(), onclick: () => { speak(otherLanguage()); show(); } }, t("other_language")),
        signedIn() ? h("button", { type: "button", class: "keys", onclick: help }, "?", h("span", { class: "hidden" }, t("keys"))) : null,
        signedIn() ? h("button", { type: "button", onclick: () => { signOut(); show(); } }, t("sign_out")) : null),
      signedIn() ? h("nav", { "aria-label": t("menu") }, menu.map(link)) : null].filter(Boolean));
    header.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }

  let shown = 0;
  async function show() {
    const mine = ++shown;
    frame();
    if (!signedIn()) return main.replaceChildren(door());
    const [, ...args] = where();
    const made = pages[page()];
    main.setAttribute("aria-busy", "true");
    try {
      const content = made ? await made(args, show) : h("p", { class: "empty" }, t("no_page"));
      // A slow page must not come over the one that was asked for after it.
      if (mine === shown) main.replaceChildren(...[content].flat(Infinity).filter(Boolean));
    } catch (error) {
      if (mine !== shown) return;
      main.replaceChildren(...[problem(error), signedIn() ? "" : door()].filter(Boolean));
      frame();
    } finally {
      if (mine === shown) main.removeAttribute("aria-busy");
    }
  }

  function door() {
    const out = h("output", {});
    const enter = (way) => async (event) => {
      event.preventDefault();
      try {
        await way();
        await show();
      } catch (error) {
        out.replaceChildren(problem(error));
      }
    };
    const token = field({ name: "token", label: t("access_token"), long: true });
    token.element.removeAttribute("maxlength");
    const way = onThisMachine ? signInHere : goToIssuer;
    const label = onThisMachine ? t("sign_in_as", { who: document.body.dataset.sub }) : t("sign_in");
    return h("section", { class: "door" }, h("h2", {}, t("sign_in")), h("button", { type: "button", class: "primary", onclick: enter(way) }, label),
      h("details", {}, h("summary", {}, t("with_token")),
        h("form", { onsubmit: enter(() => signInWith(token.element.value)) }, token.place, h("button", { type: "submit" }, t("sign_in")))), out);
  }

  function keys(event) {
    if (event.target.closest("input, textarea, select, dialog") || event.ctrlKey || event.metaKey || event.altKey || !signedIn()) return;
    const rows = [...main.querySelectorAll("[data-row]")];
    const at = rows.indexOf(document.activeElement.closest?.("[data-row]"));
    if (event.key === "/" && menu.includes("search")) { event.preventDefault(); find(); }
    else if (event.key === "j") rows[Math.min(rows.length - 1, at + 1)]?.focus();
    else if (event.key === "k") rows[Math.max(0, at - 1)]?.focus();
    else if (event.key === "Enter" && at >= 0 && document.activeElement === rows[at]) rows[at].querySelector("a, button")?.click();
    else if (event.key === "?") help();
  }

  const find = () => { if (page() === "search") main.querySelector("input")?.focus(); else location.assign("#/search"); };

  function help() {
    const list = [["/", "key.find"], ["j", "key.next"], ["k", "key.before"], ["Enter", "key.open"], ["?", "key.help"]].filter(([key]) => key !== "/" || menu.includes("search"));
    const dialog = h("dialog", { "aria-labelledby": "keys", onclose: () => dialog.remove() }, h("form", { method: "dialog" }, h("h2", { id: "keys" }, t("keys")),
      h("dl", { class: "facts" }, list.map(([key, says]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, t(says))))), h("button", { class: "primary" }, t("close_this"))));
    document.body.append(dialog);
    dialog.showModal();
  }

  addEventListener("hashchange", () => {
    document.querySelectorAll("dialog").forEach((dialog) => dialog.close());
    untell();
    show().then(() => (page() === "search" ? main.querySelector("input") ?? main : main).focus());
  });
  document.addEventListener("keydown", keys);
  comeBack().catch((error) => tell(problem(error).textContent)).finally(show);
}
