/** The events of a deployment, newest last. */
import { clock, firstLine, fullTime, words } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Card, Duration, toneOf } from "../../lib/ui.js";

/** @param {{events: object[], nameOf: (userId: string) => string}} props */
export function Timeline({ events, nameOf }) {
  return html`
    <${Card} title="Events" isFlush>
      <ol class="timeline">
        ${events.map(
          (event) => html`
            <li key=${event.id} class=${toneOf(event.status)}>
              <time datetime=${event.created_at} title=${fullTime(event.created_at)}>${clock(event.created_at)}</time>
              <i aria-hidden="true"></i>
              <p class="cause">
                <span class="strong">${words(event.status)}</span>
                <span>${firstLine(event.cause)}</span>
                ${event.user_id && html`<span class="hint">by ${nameOf(event.user_id)}</span>`}
              </p>
              ${event.duration_ms !== null && html`<${Duration} ms=${event.duration_ms} />`}
            </li>
          `,
        )}
      </ol>
    <//>
  `;
}
