/** Errors, notes and empty states. */
import { html } from "../html.js";
import { Button } from "./button.js";
import { Icon } from "./icons.js";
import { Prose } from "./values.js";

/**
 * An error, with the details of an ApiError. A server error includes the request ID, which is also
 * in the server log.
 *
 * @param {{error: Error, title?: string, retry?: () => unknown}} props
 */
export function Problem({ error, title, retry, children }) {
  const details = error.details ?? [];
  return html`
    <div class="notice bad" role="alert">
      <${Icon} name="alert" />
      <div class="stack tight">
        <p>${title && html`<strong>${title}</strong> `}<${Prose} text=${error.message} /></p>
        ${details.length > 0 && html`<ul>${details.map((each) => html`<li><code>${each.field}</code> <${Prose} text=${each.message} /></li>`)}</ul>`}
        ${error.status >= 500 && error.requestId && html`<p class="hint">Request ID <code>${error.requestId}</code></p>`}
        ${children}
      </div>
      ${retry && html`<${Button} size="small" icon="refresh" onClick=${retry}>Try again<//>`}
    </div>
  `;
}

/** A note: kind "info", "good", "warn" or "bad". */
export function Note({ kind = "info", children }) {
  const icons = { info: "info", good: "check", warn: "alert", bad: "alert" };
  return html`<div class="notice ${kind}"><${Icon} name=${icons[kind]} /><div class="stack tight">${children}</div></div>`;
}

/**
 * An empty state.
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
