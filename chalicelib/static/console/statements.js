// A host's month, in each currency: as finance and the host see it.
import { facts, h, money, table } from "./ui.js";
import { t, word } from "./words.js";

export function statements(items, actOn = () => "") {
  if (!items.length) return h("p", { class: "empty" }, t("statement.none"));
  return h("div", {}, items.map((month) => h("section", { class: "statement" }, h("h2", {}, month.currency),
    facts([[t("statement.forward"), money(month.brought_forward)], [t("statement.earned"), money(month.earned)], [t("statement.paid_out"), money(month.paid_out)], [t("statement.owed"), h("strong", {}, money(month.balance))]]),
    table(t("statement.stays", { currency: month.currency }), [t("column.day"), t("column.booking"), t("column.paid"), t("column.refunded"), t("column.fee"), t("column.commission"), t("statement.earned")],
      month.stays.map((stay) => [stay.date, stay.booking_id, money(stay.gross), money(stay.refunded), money(stay.fee), money(stay.commission), money(stay.earned)]), t("statement.no_stays")),
    table(t("statement.payouts", { currency: month.currency }), [t("column.day"), t("column.what"), t("column.amount"), t("column.reference"), ""],
      month.payouts.map((payout) => [payout.date, word(payout.kind), money(payout.amount), payout.reference, actOn(payout)]), t("statement.no_payouts")))));
}
