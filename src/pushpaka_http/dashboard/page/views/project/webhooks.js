/** Webhooks: how forges tell of pushes. */
import { api } from "../../lib/api.js";
import { html, useState } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Ago, Badge, Button, Card, Checkbox, Confirm, CopyLine, Dialog, Empty, Facts, FormDialog, Problem, Select, Skeleton, toast } from "../../lib/ui.js";
import { FORGES, likelyForge, pageOf } from "./forges.js";
import { may } from "./roles.js";

const OPTIONS = Object.entries(FORGES).map(([value, { name }]) => ({ value, label: name }));

export function Webhooks({ project }) {
  const { data, error, reload } = useResource("/webhooks");
  /** {kind: "add" | "rotate" | "remove", webhook?} */
  const [asked, setAsked] = useState(null);
  const [issued, setIssued] = useState(null);
  const close = () => setAsked(null);
  const show = async (webhook) => {
    setIssued(webhook);
    await reload();
  };
  const isAllowed = may(project, "owner");
  const own = data?.data.filter(({ project_id: id }) => id === project.id) ?? [];
  const add = isAllowed && html`<${Button} icon="plus" onClick=${() => setAsked({ kind: "add" })}>Add a webhook<//>`;
  return html`
    <${Card} title="Push to deploy" hint="A webhook lets your forge tell of each push, which is deployed then. The forge shows what was answered to each of its deliveries." actions=${own.length > 0 && add} isFlush=${own.length > 0}>
      ${error && html`<${Problem} error=${error} retry=${reload} />`}
      ${!data && !error && html`<${Skeleton} lines=${2} height=${24} />`}
      ${data && own.length === 0 && html`<${Nothing} action=${add} isAllowed=${isAllowed} />`}
      ${own.length > 0 && html`<ul class="entries">${own.map((webhook) => html`<${Entry} key=${webhook.id} webhook=${webhook} ask=${isAllowed && setAsked} />`)}</ul>`}
      ${asked?.kind === "add" && html`<${Adding} project=${project} onAdded=${show} onClose=${close} />`}
      ${asked?.kind === "rotate" && html`<${Rotating} webhook=${asked.webhook} onRotated=${show} onClose=${close} />`}
      ${asked?.kind === "remove" && html`<${Removing} webhook=${asked.webhook} onDone=${reload} onClose=${close} />`}
      ${issued && html`<${Issued} webhook=${issued} project=${project} onClose=${() => setIssued(null)} />`}
    <//>
  `;
}

function Entry({ webhook, ask }) {
  const { name } = FORGES[webhook.provider];
  return html`
    <li>
      <div class="row apart">
        <p class="row">
          <strong>${name}</strong>
          ${webhook.previews && html`<${Badge}>Previews<//>`}
          ${webhook.forks && html`<${Badge} tone="wait">Forks too<//>`}
          <span class="hint">made <${Ago} time=${webhook.created_at} /></span>
        </p>
        ${
          ask &&
          html`<div class="row">
            <${Button} size="small" kind="quiet" onClick=${() => ask({ kind: "rotate", webhook })}>New secret<//>
            <${Button} size="small" kind="quiet" icon="trash" label=${`Remove the webhook of ${name}`} onClick=${() => ask({ kind: "remove", webhook })} />
          </div>`
        }
      </div>
      <${CopyLine} text=${webhook.url} label="Copy the address of the webhook" />
    </li>
  `;
}

function Adding({ project, onAdded, onClose }) {
  const add = async ({ provider, previews, forks }) => {
    const webhook = await api.post("/webhooks", { project_id: project.id, provider, previews, forks });
    onClose();
    await onAdded(webhook);
  };
  return html`
    <${FormDialog} title="Add a webhook" label="New webhook" action="Add it" onSubmit=${add} onClose=${onClose}>
      <${Select} name="provider" label="Forge" options=${OPTIONS} value=${likelyForge(project.repo_url)} />
      <${Checkbox} name="previews" label="Deploy other branches as previews" hint="Each at an address of its own, until the branch is deleted." />
      <${Checkbox} name="forks" label="Deploy pull requests from forks" hint="Code of strangers runs on your server then, with the env vars of previews." />
    <//>
  `;
}

/** What the forge is given, and where: the secret is shown here and never again. */
function Issued({ webhook, project, onClose }) {
  const { name, where, fields, more, events } = FORGES[webhook.provider];
  const page = pageOf(project.repo_url, webhook.provider);
  const place = page ? html`<a href=${page} target="_blank" rel="noopener noreferrer">${where}</a>` : where;
  return html`
    <${Dialog} title="Give this to ${name}" onClose=${onClose} actions=${html`<${Button} kind="primary" onClick=${onClose}>I have copied the secret<//>`}>
      <p>In the repository: ${place}. The secret is shown this once.</p>
      <${Facts}
        facts=${[
          [fields.url, html`<${CopyLine} text=${webhook.url} label="Copy the address" />`],
          [fields.secret, html`<${CopyLine} text=${webhook.secret} label="Copy the secret" />`],
          ["Events", webhook.previews ? events.previews : events.pushes],
        ]}
      />
      ${more && html`<p>${more}.</p>`}
    <//>
  `;
}

function Rotating({ webhook, onRotated, onClose }) {
  const rotate = async () => {
    const rotated = await api.post(`/webhooks/${webhook.id}/rotate`);
    onClose();
    await onRotated(rotated);
  };
  return html`
    <${Confirm} title="Make a new secret?" action="Make it" kind="primary" onConfirm=${rotate} onClose=${onClose}>
      <p>The one that ${FORGES[webhook.provider].name} has is refused from then on: no push deploys until it is given the new one.</p>
    <//>
  `;
}

function Removing({ webhook, onDone, onClose }) {
  const remove = async () => {
    await api.delete(`/webhooks/${webhook.id}`);
    toast.say("The webhook was removed.");
    await onDone();
  };
  return html`
    <${Confirm} title="Remove the webhook?" action="Remove it" onConfirm=${remove} onClose=${onClose}>
      <p>Pushes that ${FORGES[webhook.provider].name} tells of by it deploy nothing any more.</p>
    <//>
  `;
}

function Nothing({ action, isAllowed }) {
  return html`
    <${Empty} title="Pushes deploy nothing yet" icon="branch" action=${action}>
      ${isAllowed ? "Add a webhook, and each push to the branch of the project is deployed by itself." : "The owner of the project can have each push deployed."}
    <//>
  `;
}
