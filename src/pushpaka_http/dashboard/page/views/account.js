/** Account: not there yet. */
import { html } from "../lib/html.js";
import { PageHead } from "../lib/ui.js";

export default function Account() {
  return html`<${PageHead} title="Account" />`;
}
