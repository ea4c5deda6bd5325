/** The actions that the API would accept, by the state of a deployment and the role of the user. */
import { FOLDER } from "../../lib/sources.js";
import { databaseOf } from "../../lib/targets.js";

const ACTIVE = new Set(["running", "crashed"]);
const NEVER_ACTIVE = new Set(["failed", "cancelled", "superseded"]);

const NONE = Object.freeze({});

/** Whether the traffic has been switched, so that the deployment can no longer be canceled. */
const isCommitted = ({ phase }) => phase === "switch" || phase === "run";

/** Whether the source of the deployment is a repository or an image, not an uploaded folder. */
const isFromRepository = ({ commit_sha: sha, commit_message: message }, { repo_url: url }) => url !== FOLDER && Boolean(sha || !message);

/**
 * @param {{status: string, phase: string | null, target: string, id: string, commit_sha: string | null,
 *   commit_message: string | null}} deployment
 * @param {{current_deployment_id: string | null, repo_url: string, role: string}} project
 * @returns {Partial<Record<"cancel" | "retry" | "rollback" | "redeploy" | "promote" | "restart" | "stop" | "start", boolean>>}
 */
export function allowedActions(deployment, project) {
  const { status, target } = deployment;
  if (project.role === "viewer") return NONE;
  const isActive = ACTIVE.has(status);
  const isProduction = target === "production";
  const isCurrent = isProduction ? project.current_deployment_id === deployment.id : isActive;
  const isInProgress = status === "building" || status === "deploying";
  const hasRun = isActive || status === "stopped";
  const cancel = status === "queued" || (isInProgress && !isCommitted(deployment));
  // The server of a database is deployed only by `pushpaka db`.
  if (databaseOf(deployment)) return { cancel, restart: isActive, stop: isActive };
  return {
    cancel,
    retry: NEVER_ACTIVE.has(status) && isFromRepository(deployment, project),
    rollback: hasRun && !isCurrent,
    redeploy: isActive && isCurrent,
    promote: hasRun && !isProduction,
    restart: isActive && isCurrent,
    stop: isActive && isCurrent,
    start: status === "stopped" && isProduction && isCurrent,
  };
}
