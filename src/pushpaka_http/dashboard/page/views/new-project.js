/** New project: not there yet. */
import { html } from "../lib/html.js";
import { PageHead } from "../lib/ui.js";

export default function NewProject() {
  return html`<${PageHead} title="New project" />`;
}
