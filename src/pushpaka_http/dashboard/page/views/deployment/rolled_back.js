/** Deployments that were active, broke, and were rolled back automatically. */
import { firstLine, shortSha } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Link } from "../../lib/router.js";

const ACTIVE = new Set(["running", "crashed"]);

/** The heading of such a deployment, and the beginning of its error. */
export const ROLLED_BACK = "Rolled back automatically";

export const isRolledBack = ({ status, phase }) => status === "failed" && phase === "run";

/** Return the reason of a failure in one line. */
export const reasonOf = ({ error }) => firstLine(error).replace(`${ROLLED_BACK}: `, "");

/** The deployment that took over, while it is active. */
export function ActiveAgain({ deployment }) {
  const id = useResource(`/deployments/${deployment.id}/rollback-window`).data?.previous_deployment_id;
  const previous = useResource(id ? `/deployments/${id}` : null).data;
  if (!previous || !ACTIVE.has(previous.status)) return null;
  const name = previous.commit_sha ? shortSha(previous.commit_sha) : `deployment #${previous.sequence}`;
  return html`<span><${Link} to=${`/deployments/${id}`}>${name}<//> is active again.</span>`;
}
