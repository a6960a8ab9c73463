// What is held of a person, and erasing it. Whom it is about goes in the body of the call, and never into an address.
import { act, post } from "./act.js";
import { call } from "./session.js";
import { facts, h, lookUp, status, table, when } from "./ui.js";
import { t, word } from "./words.js";

export function peoplePage() {
  const find = async ({ who }, again) => {
    const person = who.includes("@") ? { email: who } : { phone: who };
    const items = await held(person);
    const kinds = [...new Set(items.map((each) => each.kind))];
    const file = URL.createObjectURL(new Blob([JSON.stringify(items, null, 2)], { type: "application/json" }));
    return [table(t("person.held"), [t("column.what"), t("column.count")], kinds.map((kind) => [word(`held_${kind}`), String(items.filter((each) => each.kind === kind).length)]), t("person.none")),
      items.length ? h("p", {}, h("a", { class: "call", href: file, download: "person.json" }, t("person.download"))) : null,
      h("div", { class: "acts" }, act({
        label: t("act.erase"), says: t("act.erase.says"), danger: true, done: again,
        fields: [{ name: "note", label: t("field.note"), hint: t("field.erase.hint"), long: true }],
        ...post("/v1/ops/people/erase", (values) => ({ ...person, ...values }), erasureOf),
      }))];
  };
  const { form, out } = lookUp([{ name: "who", label: t("person.who"), hint: t("person.hint"), maxlength: "200" }], find);
  return [h("h2", {}, t("page.people")), form, out];
}

async function held(person) {
  const items = [];
  for (let cursor = null; items.length < 2000;) {
    const page = await call("POST", "/v1/ops/people/export", { body: { ...person, limit: 100, cursor } });
    items.push(...page.items);
    cursor = page.next_cursor;
    if (!cursor) break;
  }
  return items;
}

const erasureOf = (report) => h("div", {}, facts([[t("column.status"), status(report.state)], [t("page.bookings"), String(report.bookings)], [t("erasure.hosts"), String(report.hosts)], [t("erasure.erased"), String(report.erased)], [t("erasure.finished"), when(report.finished_at)]]),
  report.left.length ? h("ul", {}, report.left.map((each) => h("li", {}, `${word(each.kind)}: ${each.subject}`))) : null);
