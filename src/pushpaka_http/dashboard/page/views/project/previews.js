/** The active previews of a project. */
import { hostOf } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Link } from "../../lib/router.js";
import { Card, Commit, ExternalLink, Menu, TimeAgo } from "../../lib/ui.js";

export function Previews({ previews, actions }) {
  return html`
    <${Card} title="Previews" isFlush>
      <ul class="entries" aria-label="Active previews">
        ${previews.map((each) => html`<${Preview} key=${each.id} of=${each} items=${actions.actionsFor(each)} />`)}
      </ul>
    <//>
  `;
}

function Preview({ of: preview, items }) {
  const branch = preview.target.replace(/^preview:/, "");
  return html`
    <li class="preview">
      <div>
        <${Link} to=${`/deployments/${preview.id}`} class="strong">${branch}<//>
        <p class="hint"><${TimeAgo} time=${preview.finished_at ?? preview.created_at} /></p>
      </div>
      <div>
        ${preview.url && html`<${ExternalLink} href=${preview.url}>${hostOf(preview.url)}<//>`}
        <${Commit} of=${{ ...preview, branch: null }} />
      </div>
      ${items.length > 0 && html`<${Menu} label=${`Actions for the preview of ${branch}`} items=${items} />`}
    </li>
  `;
}
