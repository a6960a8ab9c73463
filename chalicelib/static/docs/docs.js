// The address is relative to the page, so that it holds behind any stage prefix. Tokens are kept nowhere.
const ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#ui",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false,
  validatorUrl: null,
  onComplete: offerSignIn,
});

// A local stack's page has buttons: its issuer gives anybody a token.
function offerSignIn() {
  const place = document.getElementById("sign-in");
  if (!place) return;
  const said = place.querySelector("output");
  for (const button of place.querySelectorAll("button")) {
    button.disabled = false;
    button.onclick = async () => {
      said.textContent = "";
      try {
        ui.preauthorizeApiKey("accessToken", await token(place.dataset.tokens, button.dataset));
        said.textContent = `You are ${button.dataset.sub}.`;
      } catch (error) {
        said.textContent = `No token: ${error.message}`;
      }
    };
  }
}

async function token(address, { sub, groups }) {
  const body = { sub, groups: groups.split(" ").filter(Boolean), email: `${sub}@guzo.example` };
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`the issuer answers ${answer.status}`);
  return (await answer.json()).token;
}
