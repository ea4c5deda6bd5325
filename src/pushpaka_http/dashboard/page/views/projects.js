/** Projects: not there yet. */
import { html } from "../lib/html.js";
import { PageHead } from "../lib/ui.js";

export default function Projects() {
  return html`<${PageHead} title="Projects" />`;
}
