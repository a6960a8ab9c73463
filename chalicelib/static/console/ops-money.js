// Money: the ledger, a gateway's statement against it, what hosts are owed, and what payers claim back.
import { act, post } from "./act.js";
import { closeDispute, evidence, note } from "./ops-acts.js";
import { left } from "./ops-booking.js";
import { call, pages } from "./session.js";
import { statements } from "./statements.js";
import { dayBefore, facts, h, id, later, lookUp, minor, money, status, table, toBooking, today, when } from "./ui.js";
import { t, word } from "./words.js";

export function ledgerPage([from = dayBefore(30), to = today()]) {
  const { form } = lookUp([{ name: "from", label: t("field.from"), type: "date", value: from }, { name: "to", label: t("field.to"), type: "date", value: to }],
    (values) => { location.assign(`#/ledger/${values.from}/${values.to}`); return ""; });
  const span = `from=${id(from)}&to=${id(to)}`;
  return [h("h2", {}, t("page.ledger")), form,
    later(call("GET", `/v1/ops/ledger/totals?${span}&by=day,gateway,currency`).then((totals) => table(t("totals"),
      [t("column.day"), t("column.gateway"), t("column.in"), t("column.fee"), t("column.refunded"), t("column.net")],
      totals.items.map((row) => [row.day, row.gateway, money(row.gross), money(row.fees), money(row.refunded), money(row.net)]), t("ledger.none")))),
    later(pages(`/v1/ops/ledger?${span}`).then((lines) => table(t("lines", { n: lines.length }),
      [t("column.at"), t("column.what"), t("column.gross"), t("column.fee"), t("column.net"), t("column.gateway"), t("column.gateway_reference"), t("column.booking")],
      lines.map((line) => [when(line.at), word(line.kind), money(line.gross), money(line.fee), money(line.net), line.gateway, line.provider_reference, toBooking(line.booking_id)]), t("ledger.none"))))];
}

export function matchingPage() {
  const match = async ({ gateway, from, to, csv }) => {
    const text = csv ? await csv.text() : null;
    const made = await call("POST", "/v1/ops/settlements", { body: { gateway, from, to, csv: text } });
    const items = await pages(`/v1/ops/settlements/${id(made.settlement_id)}`);
    const counts = Object.entries(made.counts).map(([verdict, count]) => [word(verdict), String(count)]);
    return [facts([...counts, [t("matching.complete"), t(made.complete ? "yes" : "matching.incomplete")]]),
      table(t("matching.lines"), [t("column.verdict"), t("column.mend"), t("column.why"), t("column.reference"), t("column.booking"), t("column.theirs"), t("column.ours")], items.map((line) => [
        status(line.verdict), line.action === "nothing" ? "" : word(`mend_${line.action}`), line.reason, line.reference, line.booking_id ? toBooking(line.booking_id) : "", line.theirs, money(line.ours)]), t("matching.none"))];
  };
  const { form, out } = lookUp([{ name: "gateway", label: t("column.gateway"), options: [["chapa", "Chapa"], ["paystack", "Paystack"]] },
    { name: "from", label: t("field.from"), type: "date", value: dayBefore(1) }, { name: "to", label: t("field.to"), type: "date", value: today() },
    { name: "csv", label: t("matching.file"), hint: t("matching.hint"), type: "file", accept: ".csv,text/csv", required: false }], match, t("matching.match"));
  return [h("h2", {}, t("page.matching")), form, out];
}

export function hostsPage([host = "", chosen = today().slice(0, 7)]) {
  const find = async ({ host: name, month }, again) => {
    const path = `/v1/ops/hosts/${id(name)}`;
    const { items } = await call("GET", `${path}/statements?month=${month}`);
    const takeBack = (payout) => payout.kind === "payout" && !items.some((each) => each.payouts.some((other) => other.reverses === payout.entry_id))
      ? act({ label: t("act.take_back"), danger: true, says: t("act.take_back.says"), fields: [note()], done: again, ...post(`${path}/payouts/${id(payout.entry_id)}/reverse`, (values) => values, payoutOf) }) : "";
    return [statements(items, takeBack), h("div", { class: "acts" }, act({
      label: t("act.payout"), says: t("act.payout.says"), done: again,
      fields: [{ name: "amount", label: t("column.amount"), inputmode: "decimal" }, { name: "currency", label: t("field.currency"), value: items[0]?.currency ?? "ETB" }, { name: "date", label: t("field.paid_on"), type: "date", value: today() },
        { name: "reference", label: t("field.bank_reference") }, note()],
      ...post(`${path}/payouts`, ({ amount, ...body }) => ({ ...body, amount: minor(amount) }), payoutOf),
    }))];
  };
  const { form, out, look } = lookUp([{ name: "host", label: t("field.host"), hint: t("field.sub.hint"), value: host }, { name: "month", label: t("field.month"), type: "month", value: chosen }], find);
  if (host) look();
  return [h("h2", {}, t("page.hosts")), form, out];
}

const payoutOf = (entry) => facts([[t("column.amount"), money(entry.amount)], [t("field.paid_on"), entry.date], [t("column.reference"), entry.reference]]);

export async function disputesPage(_args, show) {
  const items = await pages("/v1/ops/disputes", 500);
  return table(t("page.disputes"), [t("column.due"), t("column.booking"), t("column.amount"), t("column.why"), t("column.status"), ""], items.map((dispute) => [
    dispute.due_at ? h("span", {}, h("strong", {}, left(dispute)), h("br"), when(dispute.due_at)) : t("due.unknown"), toBooking(dispute.booking_id), money(dispute.amount), dispute.reason,
    h("span", {}, status(dispute.status), dispute.acknowledged ? ` ${t("dispute.answered")}` : ""), h("div", { class: "row" }, evidence(dispute.dispute_id), closeDispute(dispute, undefined, show)),
  ]), t("disputes.none"));
}
