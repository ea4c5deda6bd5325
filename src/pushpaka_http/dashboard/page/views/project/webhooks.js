/** Webhooks, which deploy pushes. */
import { api } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Badge, Button, Checkbox, Confirm, CopyLine, DescriptionList, ExternalLink, FormDialog, Input, ListCard, SecretDialog, Select, TimeAgo, toast, useDialog } from "../../lib/ui.js";
import { imageOf } from "../../lib/sources.js";
import { GIT_PROVIDERS, gitProviderOf, providersFor, webhookPageOf } from "./git_providers.js";
import { hasRole } from "./roles.js";

const optionsFor = (url) => providersFor(url).map((value) => ({ value, label: GIT_PROVIDERS[value].name }));
const HINT = "A webhook notifies Pushpaka of each push. Your Git provider or registry shows the response to each delivery.";

export function Webhooks({ project }) {
  const resource = useResource("/webhooks");
  const { dialog, open, confirm } = useDialog();
  const isOwner = hasRole(project, "owner");
  const isImage = imageOf(project.repo_url) !== null;

  const show = (webhook) => open((close) => html`<${Instructions} webhook=${webhook} project=${project} onClose=${close} />`);
  const create = async (values) => {
    const webhook = await api.post("/webhooks", { project_id: project.id, ...values });
    await resource.reload();
    return webhook;
  };
  const askCreate = () =>
    open((close) => html`
      <${FormDialog} title="Add webhook" label="New webhook" action="Add" onSubmit=${create} onClose=${(webhook) => (webhook ? show(webhook) : close())}>
        <${Select} name="provider" label=${isImage ? "Registry" : "Git provider"} options=${optionsFor(project.repo_url)} value=${gitProviderOf(project.repo_url)} />
        ${isImage ? html`<${Input} name="tags" label="Tags" isMono isOptional placeholder="the project's tag" hint="A pattern such as 1.* deploys all tags that match." />` : html`<${PreviewOptions} />`}
      <//>
    `);
  const rotate = async ({ id }) => {
    const webhook = await api.post(`/webhooks/${id}/rotate`);
    await resource.reload();
    return webhook;
  };
  const askRotate = (webhook) =>
    open((close) => html`
      <${Confirm} title="Create a new secret?" action="Create" kind="primary" onConfirm=${() => rotate(webhook)} onClose=${(rotated) => (rotated ? show(rotated) : close())}>
        <p>The current secret will stop working immediately. Pushes will not be deployed until you enter the new secret in ${GIT_PROVIDERS[webhook.provider].name}.</p>
      <//>
    `);
  const askRemove = ({ id, provider }) =>
    confirm({
      title: "Remove this webhook?",
      action: "Remove",
      text: `Pushes to ${GIT_PROVIDERS[provider].name} will no longer be deployed.`,
      onConfirm: async () => {
        await api.delete(`/webhooks/${id}`);
        toast.success("The webhook was removed.");
        await resource.reload();
      },
    });
  const text = isOwner ? "Add a webhook to deploy each push to the project's branch." : "The project owner can add a webhook.";
  return html`
    <${ListCard}
      title="Push to deploy" hint=${HINT} resource=${resource} filter=${({ project_id: id }) => id === project.id}
      action=${isOwner && html`<${Button} icon="plus" onClick=${askCreate}>Add webhook<//>`}
      empty=${{ title: "Pushes are not deployed yet", icon: "branch", text }}
    >
      ${(webhooks) => html`
        <ul class="entries">${webhooks.map((webhook) => html`<${Entry} key=${webhook.id} ...${{ webhook, isOwner }} onRotate=${askRotate} onRemove=${askRemove} />`)}</ul>
      `}
    <//>
    ${dialog}
  `;
}

function PreviewOptions() {
  return html`
    <${Checkbox} name="previews" label="Deploy other branches as previews" hint="Each branch has its own address until the branch is deleted." />
    <${Checkbox} name="forks" label="Deploy pull requests from forks" hint="Pull requests from forks run untrusted code on your server. This code can read the environment variables of your previews." />
  `;
}

function Entry({ webhook, isOwner, onRotate, onRemove }) {
  const { name } = GIT_PROVIDERS[webhook.provider];
  return html`
    <li>
      <div class="row apart">
        <p class="row">
          <strong>${name}</strong>
          ${webhook.tags && html`<${Badge}>${webhook.tags}<//>`}
          ${webhook.previews && html`<${Badge}>Previews<//>`}
          ${webhook.forks && html`<${Badge} tone="wait">Forks<//>`}
          <span class="hint">created <${TimeAgo} time=${webhook.created_at} /></span>
        </p>
        ${
          isOwner &&
          html`<div class="row">
            <${Button} size="small" kind="quiet" onClick=${() => onRotate(webhook)}>New secret<//>
            <${Button} size="small" kind="quiet" icon="trash" label=${`Remove the ${name} webhook`} onClick=${() => onRemove(webhook)} />
          </div>`
        }
      </div>
      <${CopyLine} text=${webhook.url} label="Copy the webhook URL" />
    </li>
  `;
}

/** The settings to enter at the Git provider. The API returns the secret only once. */
function Instructions({ webhook, project, onClose }) {
  const { name, menu, fields, contentType, events } = GIT_PROVIDERS[webhook.provider];
  const page = webhookPageOf(project.repo_url, webhook.provider);
  const commitEvents = webhook.previews ? events.previews : events.pushes;
  const items = [
    [fields.url, html`<${CopyLine} text=${webhook.url} label="Copy the URL" />`],
    [fields.secret, fields.secret && html`<${CopyLine} text=${webhook.secret} label="Copy the secret" />`],
    ["Content type", contentType],
    ["Events", imageOf(project.repo_url) ? events.images : commitEvents],
  ];
  return html`
    <${SecretDialog} title="Add the webhook to ${name}" onClose=${onClose}>
      <p>In your repository, go to ${page ? html`<${ExternalLink} href=${page}>${menu}<//>` : menu}, and enter:</p>
      <${DescriptionList} items=${items} />
    <//>
  `;
}
