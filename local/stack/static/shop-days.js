// Days read 2026-11-28 for everybody: a browser's own field for a date writes it as its language does, and 11/12 may
// be either. Its calendar still helps to choose one.

const isDay = (text) => /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T00:00Z`).getTime() > 0 && plusDays(text, 0) === text;

export const plusDays = (day, days) => new Date(Date.parse(day) + days * 864e5).toISOString().slice(0, 10);

// Readies the two fields of a stay, which begins on `first` or later.
export function stay(form, first) {
  for (const place of form.querySelectorAll(".day")) {
    const [text, calendar, button] = place.children;
    const check = () => {
      const early = text.value < first ? `Choose ${first} or later.` : "";
      text.setCustomValidity(!text.value || isDay(text.value) ? text.value && early : "Write the day as 2026-11-28.");
    };
    text.addEventListener("input", check);
    button.onclick = () => {
      calendar.min = first;
      calendar.value = text.value;
      calendar.showPicker();
    };
    calendar.onchange = () => {
      text.value = calendar.value;
      for (const name of ["input", "change"]) text.dispatchEvent(new Event(name, { bubbles: true }));
    };
  }
}
