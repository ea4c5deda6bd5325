/** Project: not there yet. */
import { html } from "../lib/html.js";
import { PageHead } from "../lib/ui.js";

export default function Project() {
  return html`<${PageHead} title="Project" />`;
}
