// The message is shown whole, without a scroll bar of its own, and its links lead on the page that it is in.

const frame = document.querySelector("iframe");

function fit() {
  const message = frame.contentDocument;
  if (!message.documentElement) return; // on its way: we are called when it is there
  for (const link of message.links) link.target = "_top";
  frame.style.height = 0;
  frame.style.height = `${message.documentElement.scrollHeight + frame.offsetHeight}px`;
}

frame.addEventListener("load", fit);
addEventListener("resize", fit);
fit();
