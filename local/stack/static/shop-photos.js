// A listing's photo; where there is none, or it does not load, its first letter on a colour of its own.

export function showPhoto(place, address, title) {
  place.replaceChildren();
  place.dataset.letter = title.trim()[0] ?? "";
  place.style.setProperty("--hue", [...title].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7));
  if (!address) return;
  const image = document.createElement("img");
  image.alt = "";
  image.loading = "lazy";
  image.referrerPolicy = "no-referrer";
  image.onerror = () => image.remove();
  image.src = address;
  place.append(image);
}
