/** What can be done with a deployment: the buttons, and the questions before what hurts. */
import { api } from "../../lib/api.js";
import { html, useState } from "../../lib/html.js";
import { remember } from "../../lib/resource.js";
import { navigate } from "../../lib/router.js";
import { Button, Confirm, toast } from "../../lib/ui.js";
import { shortSha } from "../../lib/format.js";

/** What is asked first, by the name of the action. */
const QUESTIONS = {
  stop: {
    title: "Stop this deployment?",
    action: "Stop it",
    text: "Its address answers nobody until the project is started or deployed again.",
  },
  rollback: {
    title: "Roll back to this deployment?",
    action: "Roll back",
    kind: "primary",
    text: "What it served is served again with the env vars of then, without a build. What is in work for the same target ends.",
  },
  promote: {
    title: "Promote this preview to production?",
    action: "Promote",
    kind: "primary",
    text: "What the preview serves becomes production, with production's env vars.",
  },
};

/**
 * @param {{deployment: object, allowed: Record<string, boolean>, isCancelling: boolean,
 *   cancel: () => Promise<void>, show: (deployment: object) => void}} props `show`: puts a newer
 *   state of the deployment in place
 */
export function Actions({ deployment, allowed, isCancelling, cancel, show }) {
  const [asked, setAsked] = useState(null);
  const { id } = deployment;

  const again = (verb) => async () => goTo(await api.post(`/deployments/${id}/${verb}`));
  const here = (verb, said) => async () => {
    show(await api.post(`/deployments/${id}/${verb}`));
    toast.say(said);
  };
  const deeds = {
    rollback: again("rollback"),
    promote: again("promote"),
    redeploy: again("redeploy"),
    stop: here("stop", "It is being stopped."),
    restart: here("restart", "New instances are started, and take over without a gap."),
    start: async () => goTo(await api.post(`/projects/${deployment.project_id}/start`)),
  };
  const ask = (name) => () => setAsked(name);
  const question = QUESTIONS[asked];
  return html`
    ${allowed.cancel && html`<${Button} kind="danger" icon="cross" isBusy=${isCancelling} onClick=${cancel}>Cancel<//>`}
    ${allowed.stop && html`<${Button} icon="stop" onClick=${ask("stop")}>Stop<//>`}
    ${allowed.restart && html`<${Button} icon="refresh" onClick=${deeds.restart}>Restart<//>`}
    ${allowed.redeploy && html`<${Button} icon="up" title="Serve the same release with today's env vars" onClick=${deeds.redeploy}>Redeploy<//>`}
    ${allowed.rollback && html`<${Button} icon="rollback" onClick=${ask("rollback")}>Roll back to this<//>`}
    ${allowed.promote && html`<${Button} kind="primary" icon="up" onClick=${ask("promote")}>Promote<//>`}
    ${allowed.start && html`<${Button} kind="primary" icon="play" onClick=${deeds.start}>Start<//>`}
    ${allowed.retry && html`<${Retry} deployment=${deployment} />`}
    ${
      question &&
      html`<${Confirm} ...${question} onConfirm=${deeds[asked]} onClose=${() => setAsked(null)}><p>${question.text}</p><//>`
    }
  `;
}

/** Deploys the commit of one that never ran once more. */
export function Retry({ deployment }) {
  const { project_id, branch, commit_sha, target } = deployment;
  const press = async () => goTo(await api.post("/deployments", { project_id, branch, commit_sha, target }));
  const title = commit_sha ? `Deploy ${shortSha(commit_sha)} again` : "Deploy the branch again";
  return html`<${Button} kind="primary" icon="refresh" title=${title} onClick=${press}>Deploy again<//>`;
}

function goTo(deployment) {
  remember(`/deployments/${deployment.id}`, deployment);
  navigate(`/deployments/${deployment.id}`);
}
