/** A deployment among others: how it stands, what it is of, how long it took, what can be done. */
import { subject } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Link } from "../../lib/router.js";
import { Ago, Badge, Commit, Menu, Status } from "../../lib/ui.js";
import { PhaseBar } from "./phase_bar.js";

/** Whether it is what production serves right now. */
const isCurrent = ({ id, status }, { current_deployment_id: current }) => id === current && status !== "stopped";

const KINDS = { rollback: "Rollback", redeploy: "Redeploy", promote: "Promoted" };

/**
 * @param {{deployment: object, project: object, longest: number, items: object[]}} props `items`:
 *   of its menu
 */
export function DeploymentRow({ deployment, project, longest, items }) {
  const title = subject(deployment.commit_message) || deployment.commit_sha?.slice(0, 7) || `The newest commit of ${deployment.branch}`;
  return html`
    <li class="deployment-row">
      <div class="stands">
        <${Status} of=${deployment.status} phase=${deployment.phase} />
        <span class="hint">#${deployment.sequence} · <${Ago} time=${deployment.created_at} /></span>
      </div>
      <div class="what">
        <p class="title">
          <${Link} to=${`/deployments/${deployment.id}`} class="strong">${title}<//>
          ${isCurrent(deployment, project) && html`<${Badge} tone="good">Current<//>`}
          ${deployment.target !== "production" && html`<${Badge}>Preview<//>`}
          ${KINDS[deployment.kind] && html`<${Badge}>${KINDS[deployment.kind]}<//>`}
        </p>
        ${
          deployment.status === "failed" && deployment.error
            ? html`<p class="reason" title=${deployment.error}>${deployment.error}</p>`
            : html`<${Commit} of=${{ ...deployment, commit_message: deployment.commit_author && `by ${deployment.commit_author}` }} />`
        }
      </div>
      <${PhaseBar} deployment=${deployment} longest=${longest} />
      <div class="menu-place">
        ${items.length > 0 && html`<${Menu} label=${`What to do with deployment #${deployment.sequence}`} items=${items} />`}
      </div>
    </li>
  `;
}

/** Deployments below each other; `verbs` is of useVerbs. */
export function DeploymentList({ label, deployments, project, verbs }) {
  const longest = Math.max(0, ...deployments.map(({ duration_ms: ms }) => ms ?? 0));
  return html`
    <ol class="deployment-list" aria-label=${label}>
      ${deployments.map(
        (each) => html`
          <${DeploymentRow} key=${each.id} deployment=${each} project=${project} longest=${longest} items=${verbs.offered(each)} />
        `,
      )}
    </ol>
  `;
}
