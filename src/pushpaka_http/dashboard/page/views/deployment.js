/** Deployment: not there yet. */
import { html } from "../lib/html.js";
import { PageHead } from "../lib/ui.js";

export default function Deployment() {
  return html`<${PageHead} title="Deployment" />`;
}
