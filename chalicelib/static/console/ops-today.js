// Today: what needs a person, how the house fares, and what became of the bookings of the last days.
import { chart } from "./chart.js";
import { acknowledge, closeDispute, evidence, resend, resolvePayment, resolveRefund } from "./ops-acts.js";
import { toProposal } from "./ops-proposals.js";
import { call, pages } from "./session.js";
import { age, dayBefore, facts, h, id, later, money, sum, table, toBooking, today, when } from "./ui.js";
import { because, t, word } from "./words.js";

const DAYS = 14;

// The right button first: what takes the item off the list by dealing with it.
function actsOn(item, show) {
  const { kind, subject, booking_id: bookingId, etag } = item;
  const made = [];
  if (kind === "payment_review" && item.actions.includes("resolve")) made.push(resolvePayment(subject, bookingId, etag, show));
  if (kind === "refund" && item.actions.includes("resolve")) made.push(resolveRefund(subject, bookingId, etag, show));
  if (item.actions.includes("resend")) made.push(resend(bookingId, subject, etag, show));
  if (kind === "proposal") made.push(h("a", { class: "call", href: `#/proposals/${id(subject)}` }, t("act.look_at")));
  if (kind === "dispute") made.push(evidence(subject));
  if (item.actions.includes("acknowledge")) made.push(acknowledge(item, show));
  if (item.actions.includes("close")) made.push(closeDispute({ dispute_id: subject, booking_id: bookingId }, etag, show));
  made[0]?.classList.add("right");
  return h("div", { class: "row" }, made);
}

function about(item) {
  if (item.booking_id) return toBooking(item.booking_id);
  if (item.kind === "proposal") return toProposal(item.subject);
  return item.kind === "failing" ? h("a", { href: `#/listings/${id(item.subject)}` }, item.subject) : item.subject;
}

const attention = (items, show) => table(t("attention", { n: items.length }),
  [t("column.age"), t("column.what"), t("column.guest"), t("column.amount"), t("column.booking"), t("column.why"), ""],
  items.map((item) => [
    h("span", { title: item.since }, age(item.age_seconds)), h("strong", {}, word(item.kind)), item.guest, money(item.amount), about(item),
    h("span", {}, because(item.reason), item.due_at ? h("span", { class: "small" }, " ", t("due", { at: "" }), when(item.due_at)) : ""), actsOn(item, show),
  ]), t("attention.none"));

export async function todayPage(_args, show) {
  const span = `from=${dayBefore(DAYS - 1)}&to=${today()}`;
  return [
    later(pages("/v1/ops/attention", 200).then((items) => attention(items, show))),
    later(call("GET", "/v1/ops/health").then(health)),
    later(Promise.all([call("GET", `/v1/ops/report?${span}`).catch(mayNot), call("GET", `/v1/ops/statistics?${span}`)]).then(([report, found]) => charts(report, found))),
  ];
}

// Who may not read money is shown the rest.
function mayNot(error) {
  if (error.code !== "forbidden") throw error;
  return { items: [] };
}

const percent = (share) => share === null || share === undefined ? "" : `${(share * 100).toFixed(1)} %`;
const ms = (value) => value === null || value === undefined ? "–" : t("ms", { n: value });

function health(found) {
  const gateways = (found.gateways ?? []).map((each) => [t("health.gateway", { gateway: each.gateway }), each.calls
    ? t("health.answers", { p50: ms(each.p50_ms), p95: ms(each.p95_ms), silent: percent(each.silent_share), calls: each.calls }) : t("health.no_calls")]);
  const queues = (found.queues ?? []).map((each) => [t(`queue.${each.queue}`), h("span", {}, t("health.queue", { waiting: each.waiting, at_work: each.at_work, dead: each.dead_letters }), each.dead_letters ? [" ", h("a", { href: "#/dead_letters" }, t("health.dead_letters"))] : "")]);
  const checked = found.last_check && [t("health.check"), t("health.checked", { day: found.last_check.day, checked: found.last_check.checked, findings: found.last_check.findings })];
  return h("section", {}, h("h2", {}, t("health")), facts([...gateways,
    [t("health.openings"), found.payments_opened === undefined ? null : t("health.opened", { opened: found.payments_opened, not_opened: found.payments_not_opened, paid: found.payments_paid })],
    [t("health.sweep"), when(found.last_sweep_at)], ...queues, ...(checked ? [checked] : []),
    [t("health.release"), t("health.commit", { version: found.version, commit: found.commit, stage: found.stage })]]));
}

const named = (steps, unit) => steps.map(({ under_seconds: under, count }, number) => ({
  name: under === null ? t("step.over", { time: unit(steps[number - 1]?.under_seconds ?? 0) }) : t("step.under", { time: unit(under) }), value: count,
}));

function charts(report, found) {
  const days = [...Array(DAYS).keys()].map((back) => dayBefore(DAYS - 1 - back));
  const of = (rows, day, value) => { const row = rows.find((each) => each.day === day); return row ? value(row) : 0; };
  const currencies = [...new Set(report.items.map((sums) => sums.currency))];
  const whole = (name) => found.days.reduce((total, day) => total + day[name], 0);
  return h("section", {}, h("h2", {}, t("figures", { n: DAYS })), found.partial ? h("p", { class: "small" }, t("figures.partial")) : null, h("div", { class: "charts" },
    chart(t("chart.bookings"), days.map((day) => ({ name: day, value: of(found.days, day, (row) => row.held) }))),
    currencies.map((currency) => chart(t("chart.net", { currency }), days.map((day) => ({ name: day, value: of(report.items.filter((sums) => sums.currency === currency), day, (row) => row.net.amount) })), (value) => sum(value, currency))),
    chart(t("chart.funnel"), ["held", "linked", "paid", "confirmed"].map((step) => ({ name: t(`funnel.${step}`), value: whole(step) }))),
    chart(t("chart.checkout"), named(found.checkout_to_paid, age)),
    chart(t("chart.open"), named(found.open_payments, age)),
    chart(t("chart.refunds"), named(found.refunds_under_way, age))));
}

