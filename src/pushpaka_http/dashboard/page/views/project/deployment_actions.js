/** The actions on deployments: their labels, confirmations and success messages. */
import { api } from "../../lib/api.js";
import { shortSha } from "../../lib/format.js";
import { imageOf } from "../../lib/sources.js";
import { databaseOf } from "../../lib/targets.js";
import { toast, useDialog } from "../../lib/ui.js";
import { allowedActions } from "../deployment/allowed_actions.js";

const nameOf = ({ sequence, commit_sha: sha }) => `#${sequence}${sha ? ` (${shortSha(sha)})` : ""}`;

const targetOf = (deployment) => {
  const database = databaseOf(deployment);
  if (database) return `the database ${database}`;
  return deployment.target === "production" ? "production" : "this preview";
};

const effectOfStop = (deployment) => {
  const database = databaseOf(deployment);
  if (database) return `Apps lose their connections. The data is kept. Start the server again with: pushpaka db restart ${database}`;
  if (deployment.target !== "production") return "The address of the preview will not work until the branch is deployed again.";
  return "Visitors will see a page saying that the application is stopped, and pushes will not be deployed, until you start or deploy it again.";
};

/**
 * The actions in display order, by their names in allowedActions. `confirmation` is shown first;
 * `success` is the message for the deployment that the API returns.
 */
const ACTIONS = {
  cancel: {
    label: "Cancel deployment",
    icon: "cross",
    isDangerous: true,
    success: (d) => `Deployment #${d.sequence} ${d.status === "cancelled" ? "was canceled" : "is being canceled"}.`,
  },
  promote: {
    label: "Promote to production",
    icon: "up",
    confirmation: (d) => ({
      title: "Promote this preview?",
      action: "Promote",
      text: `Production will run the build of deployment ${nameOf(d)} with production's environment variables. Nothing is rebuilt.`,
    }),
    success: (d) => `Deployment #${d.sequence} is promoting the preview to production.`,
  },
  rollback: {
    label: "Roll back to this deployment",
    icon: "rollback",
    confirmation: (d) => ({
      title: `Roll back ${targetOf(d)}?`,
      action: "Roll back",
      text: `Traffic will switch back to deployment ${nameOf(d)}, with its environment variables. Nothing is rebuilt. A deployment in progress will be canceled.`,
    }),
    success: (d) => `The rollback has started as deployment #${d.sequence}.`,
  },
  redeploy: {
    label: "Redeploy with current environment variables",
    shortLabel: "Redeploy",
    icon: "up",
    success: (d) => `Deployment #${d.sequence} is applying the current environment variables.`,
  },
  restart: {
    label: "Restart",
    icon: "refresh",
    success: (d) => (databaseOf(d) ? "The database is restarting." : "The instances are restarting without downtime."),
  },
  stop: {
    label: "Stop",
    icon: "stop",
    isDangerous: true,
    confirmation: (d) => ({
      title: `Stop ${targetOf(d)}?`,
      action: "Stop",
      kind: "danger",
      text: effectOfStop(d),
    }),
    success: () => "The deployment is stopping.",
  },
  start: {
    label: "Start",
    icon: "play",
    run: ({ project_id: id }) => api.post(`/projects/${id}/start`),
    success: (d) => `The application is starting as deployment #${d.sequence}.`,
  },
  retry: {
    label: "Deploy again",
    icon: "refresh",
    run: ({ project_id, branch, commit_sha, image, target }, project) =>
      api.post("/deployments", { project_id, target, ...(imageOf(project.repo_url) ? { image } : { branch, commit_sha }) }),
    success: (d) => `Deployment #${d.sequence} is queued.`,
  },
};

/**
 * @param {{project: object, onDone: (result: object) => unknown}} props
 * @returns {{actionsFor: (deployment: object) => object[], dialog: any}} `actionsFor` returns items
 *   of a Menu, each with its `name` and the `shortLabel` for a button; the view renders `dialog`.
 */
export function useDeploymentActions({ project, onDone }) {
  const { dialog, confirm } = useDialog();
  const run = async (name, deployment) => {
    const { run: send, success } = ACTIONS[name];
    const result = await (send?.(deployment, project) ?? api.post(`/deployments/${deployment.id}/${name}`));
    toast.success(success(result));
    onDone(result);
  };
  const actionsFor = (deployment) => {
    const allowed = allowedActions(deployment, project);
    const actions = Object.entries(ACTIONS).filter(([name]) => allowed[name]);
    return actions.map(([name, { label, shortLabel = label, icon, isDangerous, confirmation }]) => {
      const start = () => run(name, deployment);
      const ask = () => confirm({ kind: "primary", ...confirmation(deployment), onConfirm: start });
      return { name, label, shortLabel, icon, isDangerous, onSelect: confirmation ? ask : start };
    });
  };
  return { actionsFor, dialog };
}
