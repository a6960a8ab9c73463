// Messages that failed too often: each is dropped, or sent to its queue again.
import { act, post } from "./act.js";
import { note } from "./ops-acts.js";
import { pages } from "./session.js";
import { facts, h, id, table, toBooking, when } from "./ui.js";
import { t } from "./words.js";

const PATH = "/v1/ops/dead-letters";
const queueOf = (letter) => t(`queue.${letter.queue}`);

// A task names its booking; whatever else lies there is shown as it is.
function says(letter) {
  const [bookingId] = letter.body.match(/GZ[0-9A-Z]{14}(?=")/) ?? [];
  return bookingId ? h("span", {}, toBooking(bookingId), " ", h("span", { class: "small" }, letter.body)) : letter.body;
}

const one = (letter) => facts([[t("column.message"), letter.message_id], [t("column.queue"), queueOf(letter)], [t("column.says"), letter.body]]);
const all = (made) => h("div", {}, h("p", {}, t("dead_letters.count", { n: made.items.length })), made.more ? h("p", {}, t("dead_letters.more")) : null);

export async function deadLettersPage(_args, show) {
  const items = await pages(PATH, 400);
  const own = (letter, way) => ({ fields: [note()], done: show, ...post(`${PATH}/${id(letter.message_id)}/${way}`, (values) => values, one) });
  return [h("p", { class: "small" }, t("dead_letters.held")),
    table(t("page.dead_letters"), [t("column.at"), t("column.queue"), t("column.message"), t("column.says"), ""],
      items.map((letter) => [when(letter.sent_at), queueOf(letter), letter.message_id, says(letter),
        h("div", { class: "row" }, act({ label: t("act.send_back"), says: t("act.send_back.says"), ...own(letter, "send-back") }), act({ label: t("act.drop"), says: t("act.drop.says"), danger: true, ...own(letter, "drop") }))]), t("dead_letters.none")),
    items.length ? h("div", { class: "acts" }, act({ label: t("act.send_all_back"), says: t("act.send_all_back.says"), fields: [note()], done: show, ...post(`${PATH}/send-back`, (values) => values, all) })) : null];
}
