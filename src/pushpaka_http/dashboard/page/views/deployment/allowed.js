/** What may be done with a deployment, as it stands and by who looks. */

const SERVING = new Set(["running", "crashed"]);
const UNSERVED = new Set(["failed", "cancelled", "superseded"]);

/** The address of the repository of a project that has none. */
export const FOLDER = "archive:";

const NOTHING = Object.freeze({});

/** Whether nothing can take it back any more: its target points at it. */
const isCommitted = ({ phase }) => phase === "switch" || phase === "run";

/** Whether it is made of what a repository has, rather than of a folder that was sent. */
const isOfRepository = ({ commit_sha: sha, commit_message: message }, { repo_url: url }) => url !== FOLDER && Boolean(sha || !message);

/**
 * @param {{status: string, phase: string | null, target: string, id: string, commit_sha: string | null,
 *   commit_message: string | null}} deployment
 * @param {{current_deployment_id: string | null, repo_url: string, role: string}} project with the
 *   role of who looks
 * @returns {Partial<Record<"cancel" | "retry" | "rollback" | "redeploy" | "promote" | "restart" | "stop" | "start", boolean>>}
 */
export function allowedOf(deployment, project) {
  const { status, target } = deployment;
  if (project.role === "viewer") return NOTHING;
  const isServing = SERVING.has(status);
  const isProduction = target === "production";
  const isCurrent = isProduction ? project.current_deployment_id === deployment.id : isServing;
  const isInWork = status === "building" || status === "deploying";
  const hasRun = isServing || status === "stopped";
  return {
    cancel: status === "queued" || (isInWork && !isCommitted(deployment)),
    retry: UNSERVED.has(status) && isOfRepository(deployment, project),
    rollback: hasRun && !isCurrent,
    redeploy: isServing && isCurrent,
    promote: hasRun && !isProduction,
    restart: isServing && isCurrent,
    stop: isServing && isCurrent,
    start: status === "stopped" && isProduction && isCurrent,
  };
}
