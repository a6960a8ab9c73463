// The acts of operators that stand on more than one page.
import { act, post } from "./act.js";
import { call } from "./session.js";
import { facts, id, minor, money, spoken, status } from "./ui.js";
import { t, word } from "./words.js";

export const note = () => ({ name: "note", label: t("field.note"), hint: t("field.note.hint"), long: true });
export const reason = () => ({ name: "reason", label: t("field.reason"), hint: t("field.reason.hint"), long: true });
const choices = (group, values) => values.map((value) => [value, t(`${group}.${value}`)]);

// What a booking would be, or a payment, a refund, a letter: as the API answers an act that is only tried.
export const previewed = (would) => facts([
  [t("column.status"), status(would.status)], [t("fact.amount"), money(would.amount ?? would.total)], [t("fact.to"), would.address],
  [t("fact.goes_back"), (would.refunds ?? []).map((refund) => `${money(refund.amount)} (${word(refund.status)})`).join(", ")],
]);

export const sentence = (booking) => t(`now.${booking.status}`, { status: word(booking.status), at: spoken(booking.updated_at) });
const ofBooking = (bookingId, etag, done) => ({ thing: `/v1/bookings/${id(bookingId)}`, etag, now: sentence, done });

export const acknowledge = (item, done) => act({
  ...ofBooking(item.booking_id ?? "", item.etag ?? undefined, done), ...(item.booking_id ? {} : { thing: undefined }),
  label: item.kind === "dispute" ? t("act.answered") : t("act.acknowledge"), says: t("act.acknowledge.says"), fields: [note()],
  ...post(`/v1/ops/attention/${id(item.item_id)}/acknowledge`, (values) => values),
});

export const resolvePayment = (txRef, bookingId, etag, done) => act({
  ...ofBooking(bookingId, etag, done), label: t("act.resolve"), says: t("act.resolve.payment.says"),
  fields: [{ name: "as", label: t("field.as"), options: choices("resolve", ["accept", "refund"]) }, note()],
  ...post(`/v1/ops/payments/${id(txRef)}/resolve`, (values) => values, previewed),
});

export const resolveRefund = (refundId, bookingId, etag, done) => act({
  ...ofBooking(bookingId, etag, done), label: t("act.resolve"), says: t("act.resolve.refund.says"),
  fields: [{ name: "as", label: t("field.as"), options: choices("resolve", ["post_again", "already_refunded", "paid_otherwise"]) }, note()],
  ...post(`/v1/ops/refunds/${id(refundId)}/resolve`, (values) => values, previewed),
});

export const resend = (bookingId, entryId, etag, done) => act({
  ...ofBooking(bookingId, etag, done), label: t("act.resend"), says: t("act.resend.says"),
  fields: [note(), { name: "lift", label: t("field.lift"), required: false, options: choices("lift", ["no", "yes"]) }],
  ...post(`/v1/ops/bookings/${id(bookingId)}/messages/${id(entryId)}/resend`, (values) => ({ note: values.note, lift: values.lift === "yes" }), previewed),
});

export const closeDispute = (dispute, etag, done) => act({
  ...ofBooking(dispute.booking_id, etag, done), label: t("act.close_dispute"), says: t("act.close_dispute.says"), danger: true,
  fields: [{ name: "as", label: t("field.as"), options: choices("close", ["won", "lost"]) }, note()],
  ...post(`/v1/ops/disputes/${id(dispute.dispute_id)}/close`, (values) => values, previewed),
});

export const evidence = (disputeId) => act({
  label: t("act.evidence"), says: t("act.evidence.says"), done: () => {},
  run: async () => navigator.clipboard.writeText(JSON.stringify(await call("GET", `/v1/ops/disputes/${id(disputeId)}/evidence`), null, 2)),
});

export function refund(payment, { booking, etag, done, shut }) {
  const { currency } = booking.total;
  return act({
    ...ofBooking(booking.booking_id, etag, done), seen: booking, label: t("act.refund"), danger: true, shut,
    says: t("act.refund.says", { payment: payment.tx_ref, received: money(payment.received ?? payment.amount) }),
    fields: [{ name: "amount", label: t("field.amount", { currency }), hint: t("field.amount.hint"), inputmode: "decimal", required: false }, reason(),
      { name: "cancel_booking", label: t("field.cancel_booking"), required: false, options: [["", t("cancel_booking.part")], ["yes", t("cancel_booking.yes")], ["no", t("cancel_booking.no")]] }],
    ...post(`/v1/payments/${id(payment.tx_ref)}/refunds`, ({ amount, reason: why, cancel_booking: cancel }) => ({ reason: why, amount: minor(amount), cancel_booking: cancel === null ? null : cancel === "yes" }), previewed),
  });
}
