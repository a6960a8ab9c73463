// The words of the consoles. English stands in the pages themselves; what has no Amharic here is shown as it is.
const amharic = {
  "Today": "ዛሬ", "Search": "ፈልግ", "Attention": "ትኩረት", "Ledger": "መዝገብ", "Bookings": "ቦታ ማስያዣዎች", "Arrivals": "የሚደርሱ",
  "Listings": "ማረፊያዎች", "Sign in": "ግባ", "Sign out": "ውጣ", "Keys": "ቁልፎች", "not now": "አሁን አይደለም", "at work": "በሥራ ላይ…",
  "as a table": "እንደ ሠንጠረዥ", "pending_payment": "ክፍያ በመጠበቅ ላይ", "confirmed": "ተረጋግጧል", "expired": "ጊዜው አልፏል",
  "cancelled": "ተሰርዟል", "completed": "ተከፍሏል", "pending": "በመጠበቅ ላይ", "failed": "አልተሳካም", "review": "ይታያል",
  "refunded": "ተመልሷል", "owed": "የሚመለስ", "Nobody arrives.": "የሚደርስ የለም።", "Nobody is in the house.": "በቤት ውስጥ ማንም የለም።",
  "Nobody departs.": "የሚሄድ የለም።", "In the house": "በቤት ውስጥ", "Departures": "የሚሄዱ", "Statement": "መግለጫ", "Calendar": "የቀን መቁጠሪያ",
  "Call": "ደውል", "Guest": "እንግዳ", "Nights": "ሌሊቶች", "Price": "ዋጋ", "Day": "ቀን", "Left": "የቀረ", "Print": "አትም",
};
let language = "en";
export const t = (english) => (language === "am" && amharic[english]) || english.replaceAll("_", " ");
export const languageIs = () => language;
export function speak(chosen) {
  language = chosen;
  document.documentElement.lang = chosen;
}
