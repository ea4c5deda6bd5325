/** Where the page begins; where the rest of it does not come, that is tried again and then said. */
const TRIED = "pushpaka.tried";

import("./begin.js").then(
  () => sessionStorage.removeItem(TRIED),
  () => (sessionStorage.getItem(TRIED) ? say() : again()),
);

function again() {
  sessionStorage.setItem(TRIED, "once");
  window.location.reload();
}

/** Without any of the components, as they did not come either. */
function say() {
  const text = document.createElement("p");
  text.textContent = "The page could not be loaded. Look whether the server runs and whether you are connected.";
  const button = document.createElement("button");
  button.className = "button";
  button.textContent = "Try again";
  button.addEventListener("click", () => window.location.reload());
  const main = document.createElement("main");
  main.className = "stack";
  main.append(text, button);
  document.getElementById("page").replaceChildren(main);
}
