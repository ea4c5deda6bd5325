/** Shows the page, once all that it begins with is there. */
import { html, render } from "./lib/html.js";
import { Page } from "./shell/page.js";

render(html`<${Page} />`, document.getElementById("page"));
