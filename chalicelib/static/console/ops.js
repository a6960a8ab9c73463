// The operators' console: its pages, each a few calls of the API.
import { accountsPage, listingsPage } from "./ops-accounts.js";
import { bookingPage } from "./ops-booking.js";
import { deadLettersPage } from "./ops-dead-letters.js";
import { arrivalsPage, bookingsPage, searchPage } from "./ops-lists.js";
import { disputesPage, hostsPage, ledgerPage, matchingPage } from "./ops-money.js";
import { peoplePage } from "./ops-people.js";
import { proposalsPage } from "./ops-proposals.js";
import { todayPage } from "./ops-today.js";
import { start } from "./shell.js";

start({
  name: "ops",
  menu: ["today", "search", "bookings", "arrivals", "proposals", "disputes", "ledger", "matching", "hosts", "listings", "accounts", "people", "dead_letters"],
  pages: {
    today: todayPage, search: searchPage, booking: bookingPage, bookings: bookingsPage, arrivals: arrivalsPage, proposals: proposalsPage, disputes: disputesPage,
    ledger: ledgerPage, matching: matchingPage, hosts: hostsPage, listings: listingsPage, accounts: accountsPage, people: peoplePage,
    dead_letters: deadLettersPage,
  },
});
