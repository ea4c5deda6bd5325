/** Renders the dashboard once its first modules are loaded. */
import { html, render } from "./lib/html.js";
import { App } from "./shell/app.js";

render(html`<${App} />`, document.getElementById("page"));
