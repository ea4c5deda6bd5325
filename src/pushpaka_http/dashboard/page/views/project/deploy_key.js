/** The deploy key, for private repositories over SSH. */
import { api } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { cacheResource, useResource } from "../../lib/resource.js";
import { Button, Card, CopyLine, Loaded, TimeAgo, toast, useDialog } from "../../lib/ui.js";
import { hasRole } from "./roles.js";

export function DeployKey({ project, reload }) {
  const path = `/projects/${project.id}/deploy-key`;
  const hasKey = project.has_deploy_key;
  const key = useResource(hasKey ? path : null);
  const { dialog, confirm } = useDialog();
  const isOwner = hasRole(project, "owner");
  const create = async () => {
    const created = await api.post(path);
    cacheResource(path, created);
    if (hasKey) key.set(created);
    else await reload();
  };
  const remove = async () => {
    await api.delete(path);
    toast.success("The deploy key was removed.");
    await reload();
  };
  const askReplace = () =>
    confirm({
      title: "Replace the deploy key?",
      action: "Replace",
      text: "Pushpaka will not be able to read the repository until you add the new public key to it.",
      onConfirm: create,
    });
  const askRemove = () =>
    confirm({
      title: "Remove the deploy key?",
      action: "Remove",
      text: "Pushpaka will no longer be able to read repositories that need this key.",
      onConfirm: remove,
    });
  const actions = isOwner && (hasKey
    ? html`
        <${Button} size="small" kind="quiet" onClick=${askReplace}>Replace<span class="unseen"> the deploy key</span><//>
        <${Button} size="small" kind="quiet" icon="trash" label="Remove the deploy key" onClick=${askRemove} />`
    : html`<${Button} icon="key" onClick=${create}>Create deploy key<//>`);
  return html`
    <${Card} title="Deploy key" hint="Gives read access to a private repository over SSH, such as git@github.com:you/shop.git." actions=${actions}>
      ${
        hasKey
          ? html`<${Loaded} resource=${key}>${(data) => html`<${PublicKey} of=${data} />`}<//>`
          : html`<p>There is no deploy key. ${isOwner ? "Create one, and add its public key to the repository. The private key stays on this server." : "The project owner can create one."}</p>`
      }
      ${dialog}
    <//>
  `;
}

function PublicKey({ of: { public_key: text, fingerprint, created_at: time } }) {
  return html`
    <div class="stack tight">
      <${CopyLine} text=${text} label="Copy the public key" />
      <p class="hint">
        Add this key to the repository with read access. GitHub and Gitea: Settings → Deploy keys. GitLab: Settings → Repository →
        Deploy keys. Bitbucket: Repository settings → Access keys.
      </p>
      <p class="hint"><code>${fingerprint}</code>, created <${TimeAgo} time=${time} /></p>
    </div>
  `;
}
