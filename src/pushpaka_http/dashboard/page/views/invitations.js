/** Invitations: not there yet. */
import { html } from "../lib/html.js";
import { PageHead } from "../lib/ui.js";

export default function Invitations() {
  return html`<${PageHead} title="Invitations" />`;
}
