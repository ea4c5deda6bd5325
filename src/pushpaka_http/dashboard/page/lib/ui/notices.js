/** What is said in the place where something would be: a problem, a note, or that there is nothing. */
import { html } from "../html.js";
import { Button } from "./button.js";
import { Icon } from "./icons.js";
import { Prose } from "./values.js";

/**
 * What went wrong, in words, with what the user can do.
 *
 * @param {{error: Error, title?: string, retry?: () => unknown}} props an ApiError shows its
 *   details; of a fault of the server its request id is shown, by which its log is searched.
 */
export function Problem({ error, title, retry, children }) {
  const details = error.details ?? [];
  return html`
    <div class="notice bad" role="alert">
      <${Icon} name="alert" />
      <div class="stack tight">
        <p>${title && html`<strong>${title}</strong> `}<${Prose} text=${error.message} /></p>
        ${details.length > 0 && html`<ul>${details.map((each) => html`<li><code>${each.field}</code> <${Prose} text=${each.message} /></li>`)}</ul>`}
        ${error.status >= 500 && error.requestId && html`<p class="hint">Request <code>${error.requestId}</code></p>`}
        ${children}
      </div>
      ${retry && html`<${Button} size="small" icon="refresh" onClick=${retry}>Try again<//>`}
    </div>
  `;
}

/** Something worth knowing: kind "info", "good", "warn" or "bad". */
export function Note({ kind = "info", children }) {
  const icons = { info: "info", good: "check", warn: "alert", bad: "alert" };
  return html`<div class="notice ${kind}"><${Icon} name=${icons[kind]} /><div class="stack tight">${children}</div></div>`;
}

/**
 * There is nothing yet: what it would be, and what to do.
 *
 * @param {{title: string, icon?: string, action?: any}} props `action`: a Button
 */
export function Empty({ title, icon, action, children }) {
  return html`
    <div class="empty">
      ${icon && html`<span class="mark"><${Icon} name=${icon} size=${20} /></span>`}
      <h2>${title}</h2>
      <p>${children}</p>
      ${action}
    </div>
  `;
}
