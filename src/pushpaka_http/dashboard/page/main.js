/** Where the page begins. */
import { html, render } from "./lib/html.js";
import { Page } from "./shell/page.js";

render(html`<${Page} />`, document.getElementById("page"));
