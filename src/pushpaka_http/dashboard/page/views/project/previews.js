/** The previews that serve right now. */
import { hostOf } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Link } from "../../lib/router.js";
import { Ago, Card, Commit, Menu } from "../../lib/ui.js";

export function Previews({ previews, verbs }) {
  return html`
    <${Card} title="Previews" isFlush>
      <ul class="entries" aria-label="Previews that serve">
        ${previews.map((each) => html`<${Preview} key=${each.id} of=${each} items=${verbs.offered(each)} />`)}
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
        <p class="hint"><${Ago} time=${preview.finished_at ?? preview.created_at} /></p>
      </div>
      <div>
        <a href=${preview.url} target="_blank" rel="noopener noreferrer">${hostOf(preview.url)}</a>
        <${Commit} of=${{ ...preview, branch: null }} />
      </div>
      ${items.length > 0 && html`<${Menu} label=${`What to do with the preview of ${branch}`} items=${items} />`}
    </li>
  `;
}
