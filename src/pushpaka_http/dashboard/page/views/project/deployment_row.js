/** Lists of deployments. */
import { firstLine, shortSha } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Link } from "../../lib/router.js";
import { imageOf, shortImage } from "../../lib/sources.js";
import { databaseOf, isPreview } from "../../lib/targets.js";
import { Badge, Commit, Menu, Prose, Status, TimeAgo } from "../../lib/ui.js";
import { isRolledBack } from "../deployment/rolled_back.js";
import { PhaseBar } from "./phase_bar.js";

/** Return true if this is the active deployment of production. */
const isCurrent = ({ id, status }, { current_deployment_id: current }) => id === current && status !== "stopped";

const SERVING = ["running", "crashed"];

/** Return true if a newer one of `deployments` has replaced this one, which is kept until the end of the rollback window. */
const isStandby = ({ status, target, sequence }, deployments) =>
  status === "running" && deployments.some((each) => SERVING.includes(each.status) && each.target === target && each.sequence > sequence);

const KINDS = { rollback: "Rollback", redeploy: "Redeploy", promote: "Promoted" };

/** A list of deployments; `actions`: from useDeploymentActions. */
export function DeploymentList({ label, deployments, project, actions }) {
  const longest = Math.max(0, ...deployments.map(({ duration_ms: ms }) => ms ?? 0));
  return html`
    <ol class="deployment-list" aria-label=${label}>
      ${deployments.map(
        (each) => html`
          <${DeploymentRow} key=${each.id} deployment=${each} project=${project} isStandby=${isStandby(each, deployments)} longest=${longest} items=${actions.actionsFor(each)} />
        `,
      )}
    </ol>
  `;
}

function DeploymentRow({ deployment, project, isStandby, longest, items }) {
  const image = imageOf(project.repo_url) && deployment.image;
  const title = firstLine(deployment.commit_message) || shortSha(deployment.commit_sha) || (image ? shortImage(image) : `Latest commit on ${deployment.branch}`);
  return html`
    <li class="deployment-row">
      <div class="state">
        <${Status} of=${deployment.status} phase=${deployment.phase} />
        <span class="hint">#${deployment.sequence} · <${TimeAgo} time=${deployment.created_at} /></span>
      </div>
      <div class="what">
        <p class="title">
          <${Link} to=${`/deployments/${deployment.id}`} class="strong">${title}<//>
          ${isCurrent(deployment, project) && html`<${Badge} tone="good">Current<//>`}
          ${isStandby && html`<${Badge}>Standby<//>`}
          ${isPreview(deployment) && html`<${Badge}>Preview<//>`}
          ${databaseOf(deployment) && html`<${Badge}>Database ${databaseOf(deployment)}<//>`}
          ${isRolledBack(deployment) && html`<${Badge} tone="bad">Rolled back<//>`}
          ${KINDS[deployment.kind] && html`<${Badge}>${KINDS[deployment.kind]}<//>`}
        </p>
        ${
          deployment.status === "failed" && deployment.error
            ? html`<p class="reason" title=${deployment.error}><${Prose} text=${firstLine(deployment.error)} /></p>`
            : !image && !databaseOf(deployment) && html`<${Commit} of=${{ ...deployment, commit_message: deployment.commit_author && `by ${deployment.commit_author}` }} />`
        }
      </div>
      <${PhaseBar} deployment=${deployment} longest=${longest} />
      <div class="menu-place">
        ${items.length > 0 && html`<${Menu} label=${`Actions for deployment #${deployment.sequence}`} items=${items} />`}
      </div>
    </li>
  `;
}
