/** What can be done with deployments, as items of a menu: what is asked before, and said after. */
import { api } from "../../lib/api.js";
import { shortSha } from "../../lib/format.js";
import { html, useState } from "../../lib/html.js";
import { Confirm, toast } from "../../lib/ui.js";
import { allowedOf } from "../deployment/allowed.js";

const named = ({ sequence, commit_sha: sha }) => `#${sequence}${sha ? ` (${shortSha(sha)})` : ""}`;
const placeOf = ({ target }) => (target === "production" ? "production" : "this preview");

/**
 * In the order in which they are offered, by the names of what is allowed. `asks` is what is
 * confirmed first, `says` what is said afterwards of the deployment that the API answers with.
 */
const VERBS = {
  cancel: {
    label: "Cancel",
    icon: "cross",
    isDangerous: true,
    says: (d) => `Deployment #${d.sequence} is ${d.status === "cancelled" ? "cancelled" : "being cancelled"}.`,
  },
  promote: {
    label: "Promote to production",
    icon: "up",
    asks: (d) => ({
      title: "Promote this preview?",
      action: "Promote",
      text: `Production will serve what deployment ${named(d)} has built, with production's env vars. Nothing is built anew.`,
    }),
    says: (d) => `Deployment #${d.sequence} brings it to production.`,
  },
  rollback: {
    label: "Roll back to this",
    icon: "rollback",
    asks: (d) => ({
      title: `Roll ${placeOf(d)} back?`,
      action: "Roll back",
      text: `Visitors will see again what deployment ${named(d)} served, with the env vars that it had. Nothing is built anew, and what is being deployed ends.`,
    }),
    says: (d) => `Deployment #${d.sequence} rolls back.`,
  },
  redeploy: {
    label: "Redeploy with today's env vars",
    word: "Redeploy",
    icon: "up",
    says: (d) => `Deployment #${d.sequence} takes up today's env vars.`,
  },
  restart: {
    label: "Restart",
    icon: "refresh",
    says: () => "New instances take the place of those that run, without a gap.",
  },
  stop: {
    label: "Stop",
    icon: "stop",
    isDangerous: true,
    asks: (d) => ({
      title: `Stop ${placeOf(d)}?`,
      action: "Stop it",
      kind: "danger",
      text:
        d.target === "production"
          ? "Visitors will see a page that says that it was stopped, and pushes deploy nothing, until it is started or deployed again."
          : "Its address answers nobody until its branch is deployed again.",
    }),
    says: () => "It is being stopped.",
  },
  start: {
    label: "Start",
    icon: "play",
    run: ({ project_id: id }) => api.post(`/projects/${id}/start`),
    says: (d) => `Deployment #${d.sequence} serves it again.`,
  },
  retry: {
    label: "Deploy this commit again",
    icon: "refresh",
    run: ({ project_id, branch, commit_sha, target }) => api.post("/deployments", { project_id, branch, commit_sha, target }),
    says: (d) => `Deployment #${d.sequence} is queued.`,
  },
};

/**
 * @param {{project: object, onDone: (answer: object) => unknown}} props
 * @returns {{offered: (deployment: object) => object[], dialog: any}} `offered` are items of a
 *   Menu, each with its `name` and the `word` for a button; `dialog` is to be drawn somewhere.
 */
export function useVerbs({ project, onDone }) {
  const [asked, setAsked] = useState(null);
  const run = async (name, deployment) => {
    const { run: special, says } = VERBS[name];
    const answer = await (special?.(deployment) ?? api.post(`/deployments/${deployment.id}/${name}`));
    toast.say(says(answer));
    onDone(answer);
  };
  const offered = (deployment) => {
    const allowed = allowedOf(deployment, project);
    const items = Object.entries(VERBS).filter(([name]) => allowed[name]);
    return items.map(([name, { label, word = label, icon, isDangerous, asks }]) => ({
      name,
      label,
      word,
      icon,
      isDangerous,
      onSelect: () => (asks ? setAsked({ name, deployment }) : run(name, deployment)),
    }));
  };
  const dialog = asked && html`<${Asking} ...${asked} run=${run} onClose=${() => setAsked(null)} />`;
  return { offered, dialog };
}

function Asking({ name, deployment, run, onClose }) {
  const { title, action, text, kind = "primary" } = VERBS[name].asks(deployment);
  return html`
    <${Confirm} ...${{ title, action, kind, onClose }} onConfirm=${() => run(name, deployment)}>
      <p>${text}</p>
    <//>
  `;
}
