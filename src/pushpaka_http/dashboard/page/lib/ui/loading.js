/** Content that is loaded from the API. */
import { html } from "../html.js";
import { Card, Skeleton } from "./display.js";
import { Empty, Problem } from "./notices.js";

/**
 * The data of a resource: its child is a function of the data. Shows a skeleton until it is
 * loaded, and its error.
 *
 * @param {{resource: object, lines?: number, height?: number}} props `lines` and `height`: of the skeleton
 */
export function Loaded({ resource: { data, error, reload }, lines = 2, height = 24, children }) {
  return html`
    ${error && html`<${Problem} error=${error} retry=${reload} />`}
    ${data ? children(data) : !error && html`<${Skeleton} lines=${lines} height=${height} />`}
  `;
}

/**
 * A card with a list of the API: its child is a function of the items, called if there are any.
 *
 * @param {{title: string, hint?: string, resource: object, filter?: (item: object) => boolean,
 *   action?: any, empty: {title: string, icon: string, text: string}}} props `action`: a Button,
 *   or several, that add an item
 */
export function ListCard({ title, hint, resource, filter = () => true, action, empty, children }) {
  const items = resource.data?.data.filter(filter) ?? [];
  const isFilled = items.length > 0;
  return html`
    <${Card} title=${title} hint=${hint} actions=${isFilled && action} isFlush=${isFilled}>
      <${Loaded} resource=${resource}>
        ${() => (isFilled ? children(items) : html`<${Empty} ...${empty} action=${action}>${empty.text}<//>`)}
      <//>
    <//>
  `;
}
