/** System: not there yet. */
import { html } from "../lib/html.js";
import { PageHead } from "../lib/ui.js";

export default function System() {
  return html`<${PageHead} title="System" />`;
}
