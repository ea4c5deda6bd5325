/** The entry point. If a module fails to load, it reloads the page once and then shows an error. */
const KEY = "pushpaka.reloaded";

import("./begin.js").then(
  () => sessionStorage.removeItem(KEY),
  () => (sessionStorage.getItem(KEY) ? showError() : reload()),
);

function reload() {
  sessionStorage.setItem(KEY, "once");
  window.location.reload();
}

/** Without components, because they may not have loaded either. */
function showError() {
  const text = document.createElement("p");
  text.textContent = "The dashboard could not be loaded. Check your connection, and make sure that the server is running.";
  const button = document.createElement("button");
  button.className = "button";
  button.textContent = "Try again";
  button.addEventListener("click", () => window.location.reload());
  const main = document.createElement("main");
  main.className = "stack";
  main.append(text, button);
  document.getElementById("page").replaceChildren(main);
}
