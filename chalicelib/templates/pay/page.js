// Looks again behind the page: who reads it, or stands on a button, stays there until there is something new to show.
const told = (page) => page.querySelector("main").outerHTML;
const shown = told(document);
let pause = document.body.dataset.lookAgain;

async function look() {
  try {
    const answer = await fetch("", { cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (told(page) !== shown) return location.reload();
    pause = page.body.dataset.lookAgain;
  } catch {
    // Without a network nothing is new.
  }
  return setTimeout(look, pause * 1000);
}

if (pause) setTimeout(look, pause * 1000);
