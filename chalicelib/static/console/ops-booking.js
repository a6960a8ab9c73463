// One booking: what it is and what happens next, its money, its letters, its history, and every act on it.
import { act, post } from "./act.js";
import { closeDispute, evidence, note, previewed, reason, refund, resend, resolvePayment, resolveRefund } from "./ops-acts.js";
import { call, pages, read } from "./session.js";
import { age, facts, field, h, id, later, mark, minor, money, nameOf, phone, problem, spoken, spokenDay, status, stay, sum, table, today, when } from "./ui.js";
import { t, word } from "./words.js";

const UNDER_WAY = ["owed", "requested", "processing"];

export async function bookingPage([bookingId], show) {
  const path = `/v1/bookings/${id(bookingId)}`;
  const { value: booking, etag } = await read(path);
  const attempts = booking.payments ?? [booking.payment];
  const refunds = attempts.flatMap((payment) => payment.refunds.map((each) => ({ ...each, tx_ref: payment.tx_ref })));
  const underWay = refunds.filter((each) => UNDER_WAY.includes(each.status));
  const about = { booking, path, etag, attempts, refunds, underWay, show };
  const log = pages(`/v1/payments/${id(booking.payment.tx_ref)}/events`);
  return [
    h("h2", {}, booking.booking_id, " ", status(booking.status)),
    h("p", { class: "lead" }, sentence(about)),
    h("div", { class: "acts" }, acts(about)),
    later(disputes(about)),
    h("div", { class: "two" }, guest(about), moneyOf(about)),
    table(t("attempts"), [t("column.reference"), t("column.status"), t("column.amount"), t("column.received"), t("column.fee"), t("column.gateway_reference"), t("column.made")],
      attempts.map((payment) => [payment.tx_ref, status(payment.status), money(payment.amount), money(payment.received), money(payment.fee), payment.provider_reference, when(payment.created_at)]), t("attempts.none")),
    table(t("refunds"), [t("column.refund"), t("column.status"), t("column.amount"), t("column.why"), t("column.gateway_reference"), t("column.changed"), ""],
      refunds.map((each) => [each.refund_id, status(each.status), money(each.amount), each.reason, each.provider_refund_id, when(each.updated_at),
        each.status === "attention" ? resolveRefund(each.refund_id, booking.booking_id, etag, show) : ""]), t("refunds.none")),
    letters(about),
    later(log.then((events) => notes(about, events))),
    h("div", { class: "two" }, later(log.then(history)), later(call("GET", `/v1/ops/payments/${id(booking.payment.tx_ref)}/gateway-events`).then(gatewayLog, (error) => [h("h2", {}, t("gateway_log")), problem(error)]))),
  ];
}

// What it is, what happens next, and when.
function sentence({ booking, underWay, refunds }) {
  const { payment } = booking;
  const day = today();
  const amount = sum(underWay.reduce((total, each) => total + each.amount.amount, 0), booking.total.currency);
  const back = refunds.some((each) => each.status === "attention") ? t("next.refund_attention") : underWay.length ? t("next.refund", { amount }) : "";
  const known = { paid: payment.paid_at ? spoken(payment.paid_at) : "", arrives: spokenDay(booking.check_in), leaves: spokenDay(booking.check_out), until: spoken(booking.hold_expires_at) };
  const says = (key) => [t(key, known), back].filter(Boolean).join(" ");
  if (payment.status === "review") return says("is.review_now");
  if (booking.status === "pending_payment") return says(payment.status === "created" ? "is.held_no_link" : "is.held");
  if (booking.status !== "confirmed") return says(booking.status === "expired" ? "is.lapsed" : "is.given_up");
  if (booking.stay_ended) return says(booking.stay_ended.as === "no_show" ? "is.no_show_now" : "is.left");
  if (day < booking.check_in) return says("is.coming");
  return says(day < booking.check_out ? "is.in_house" : "is.over");
}

function guest({ booking }) {
  const contact = booking.contact ?? {};
  return h("section", {}, h("h2", {}, t("guest")), facts([[t("fact.name"), nameOf(booking)], [t("fact.email"), contact.email], [t("fact.phone"), phone(contact.phone)],
    [t("fact.listing"), h("a", { href: `#/listings/${id(booking.listing_id)}` }, booking.listing_title)], [t("fact.stay"), stay(booking)],
    [t("fact.party"), t("party", { nights: booking.nights, units: booking.units, guests: booking.guests })],
    [t("fact.host"), booking.host ? [booking.host.email, booking.host.phone].filter(Boolean).join(", ") : null],
    [t("fact.made"), when(booking.created_at)]]));
}

function moneyOf({ booking, attempts, refunds }) {
  const { currency } = booking.total;
  const total = (items, value) => items.reduce((added, each) => added + (value(each)?.amount ?? 0), 0);
  const received = total(attempts, (payment) => payment.received);
  const fees = total(attempts, (payment) => payment.fee);
  const back = total(refunds.filter((each) => each.status === "refunded"), (each) => each.amount);
  return h("section", {}, h("h2", {}, t("money")), facts([[t("fact.total"), money(booking.total)], [t("fact.received"), sum(received, currency)], [t("fact.fees"), sum(fees, currency)],
    [t("fact.refunded"), sum(back, currency)], [t("fact.net"), h("strong", {}, sum(received - fees - back, currency))],
    [t("fact.at_risk"), attempts.map((payment) => money(payment.at_risk)).filter(Boolean).join(", ")],
    [t("fact.if_cancelled"), money(booking.cancellation.back_if_cancelled_now)]]));
}

async function disputes({ booking, etag, show }) {
  if (!booking.payments?.some((payment) => payment.at_risk)) return "";
  const own = (await pages("/v1/ops/disputes", 500)).filter((each) => each.booking_id === booking.booking_id);
  return own.map((each) => h("div", { class: "problem" }, h("p", {}, t("dispute.of", { amount: money(each.amount), reason: each.reason })),
    each.due_at ? h("p", {}, h("strong", {}, t("due", { at: spoken(each.due_at) })), ` (${left(each)})`) : null, h("div", { class: "row" }, evidence(each.dispute_id), closeDispute(each, etag, show))));
}

export const left = (dispute) => {
  const seconds = (new Date(dispute.due_at) - Date.now()) / 1000;
  return seconds < 0 ? t("due.over") : t("due.left", { time: age(seconds) });
};

function letters({ booking, etag, show }) {
  if (!booking.messages) return "";
  return table(t("letters"), [t("column.letter"), t("column.to"), t("column.status"), t("column.changed"), ""], booking.messages.map((letter) => [
    word(letter.kind), `${letter.address ?? t("no_address")} (${word(letter.reader)})`, h("span", {}, status(letter.status), letter.why ? ` ${word(letter.why)}` : ""), when(letter.changed_at),
    resend(booking.booking_id, letter.entry_id, etag, show),
  ]), t("letters.none"));
}

// The notes, and one more: what was typed stays there when it is refused.
function notes({ booking, etag, show }, events) {
  const own = field({ name: "note", label: t("note.new"), long: true });
  const [out, go] = [h("output", {}), h("button", { class: "primary" }, t("note.add"))];
  let tag = etag;
  const add = async (event) => {
    event.preventDefault();
    if (go.disabled) return;
    go.disabled = true;
    try {
      mark([own], []);
      await call("POST", `/v1/ops/bookings/${id(booking.booking_id)}/notes`, { body: { note: own.element.value }, etag: tag });
      await show();
    } catch (error) {
      const rest = mark([own], error.errors ?? []);
      out.replaceChildren(problem(error, rest));
      // Others' changes do not make a note wrong: it goes on what is there now.
      if (error.code === "precondition_failed") ({ etag: tag } = await read(`/v1/bookings/${id(booking.booking_id)}`));
    }
    go.disabled = false;
  };
  const kept = events.filter((event) => event.kind === "note");
  return h("section", {}, h("h2", {}, t("notes", { n: kept.length })),
    kept.length ? h("ul", { class: "notes" }, kept.map((event) => h("li", {}, event.detail, h("p", { class: "small" }, `${event.by_name || event.by || ""}, `, when(event.at))))) : h("p", { class: "empty" }, t("notes.none")),
    h("form", { onsubmit: add }, own.place, out, go));
}

const history = (events) => table(t("history"), [t("column.at"), t("column.what"), t("column.by"), t("column.detail")], events.map((event) => [
  when(event.at), event.to ? t("moved", { what: word(event.kind), to: word(event.to) }) : word(event.kind), event.by_name || event.by || word(event.cause), event.detail,
]), t("history.none"));

const gatewayLog = (log) => table(t("gateway_log"), [t("column.at"), t("column.says")], log.items.map((line) => [when(line.at), line.text]), t("gateway_log.none"));

// Only what was changed here: what a colleague corrected meanwhile stays.
const changed = (values, before) => Object.fromEntries(Object.entries(values).filter(([name, value]) => (value ?? "") !== (before[name] ?? "")));

function acts(about) {
  const { booking, path, etag, underWay, show } = about;
  const { payment } = booking;
  const { currency } = booking.total;
  const contact = booking.contact ?? {};
  const now = (fresh) => sentence({ booking: fresh, underWay: [], refunds: [] });
  const own = { thing: path, etag, seen: booking, now, done: show };
  const made = [];
  if (payment.status === "review") made.push(resolvePayment(payment.tx_ref, booking.booking_id, etag, show));
  if (payment.status !== "completed") {
    made.push(act({ label: t("act.verify"), says: t("act.verify.says"), run: () => call("POST", `/v1/payments/${id(payment.tx_ref)}/verify`), done: show }));
  } else {
    made.push(refund(payment, { booking, etag, done: show, shut: underWay.length ? t("act.refund.shut", { refund: underWay[0].refund_id }) : null }));
  }
  if (booking.status !== "cancelled") {
    made.push(act({ ...own, label: t("act.cancel"), danger: true, says: t(booking.status === "confirmed" ? "act.cancel.paid" : "act.cancel.says"), fields: [reason()], ...post(`${path}/cancel`, (values) => values, previewed) }));
  }
  if (booking.status === "confirmed" && booking.check_in <= today() && !booking.stay_ended) {
    made.push(act({
      ...own, label: t("act.end_stay"), danger: true, says: t("act.end_stay.says"),
      fields: [{ name: "as", label: t("field.as"), options: ["no_show", "left_early"].map((value) => [value, t(`end.${value}`)]) }, { name: "last_night", label: t("field.last_night"), type: "date", required: false },
        { name: "refund", label: t("field.amount", { currency }), hint: t("field.refund.hint"), inputmode: "decimal", required: false }, note()],
      ...post(`${path}/end-stay`, ({ refund: back, last_night: lastNight, ...body }) => ({ ...body, ...(lastNight ? { last_night: lastNight } : {}), refund: minor(back) }), previewed),
    }));
  }
  made.push(act({
    ...own, label: t("act.contact"), says: t("act.contact.says"),
    fields: [{ name: "first_name", label: t("field.first_name"), value: contact.first_name }, { name: "last_name", label: t("field.last_name"), value: contact.last_name, required: false },
      { name: "email", label: t("fact.email"), value: contact.email, inputmode: "email" }, { name: "phone", label: t("fact.phone"), value: contact.phone, type: "tel" }],
    run: (values, { etag: tag }) => call("PATCH", path, { etag: tag, body: { contact: changed(values, contact) } }),
  }));
  if (payment.received) {
    made.push(act({
      ...own, label: t("act.dispute"), says: t("act.dispute.says"),
      fields: [{ name: "reason", label: t("field.dispute_reason"), long: true }, { name: "due_at", label: t("field.due"), type: "datetime-local" }, note()],
      ...post("/v1/ops/disputes", ({ due_at: due, ...body }) => ({ ...body, tx_ref: payment.tx_ref, due_at: new Date(due).toISOString().replace(/\.\d+/, "") }), previewed),
    }));
  }
  return made;
}
