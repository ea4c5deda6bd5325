/** The key that opens a private repository over ssh. */
import { api } from "../../lib/api.js";
import { html, useState } from "../../lib/html.js";
import { remember, useResource } from "../../lib/resource.js";
import { Ago, Button, Card, Confirm, CopyLine, Problem, Skeleton, toast } from "../../lib/ui.js";
import { may } from "./roles.js";

export function DeployKey({ project, reload: reloadProject }) {
  const path = `/projects/${project.id}/deploy-key`;
  const isThere = project.has_deploy_key;
  const { data: key, error, reload, set } = useResource(isThere ? path : null);
  const [asked, setAsked] = useState(null);
  const isAllowed = may(project, "owner");
  const close = () => setAsked(null);
  const make = async () => {
    const made = await api.post(path);
    remember(path, made);
    if (isThere) set(made);
    else await reloadProject();
  };
  const remove = async () => {
    await api.delete(path);
    toast.say("The deploy key was removed.");
    await reloadProject();
  };

  const actions = isAllowed && html`
    ${!isThere && html`<${Button} icon="key" onClick=${make}>Make a deploy key<//>`}
    ${isThere && html`<${Button} size="small" kind="quiet" onClick=${() => setAsked("replace")}>Replace it<//>`}
    ${isThere && html`<${Button} size="small" kind="quiet" icon="trash" label="Remove the deploy key" onClick=${() => setAsked("remove")} />`}
  `;
  return html`
    <${Card} title="Deploy key" hint="Opens a private repository whose address is of ssh, as in git@github.com:you/shop.git." actions=${actions}>
      ${error && html`<${Problem} error=${error} retry=${reload} />`}
      ${isThere && !key && !error && html`<${Skeleton} lines=${2} height=${24} />`}
      ${!isThere && html`<p>There is none. ${isAllowed ? "Its public half is for the forge; the private one is kept here and never shown." : "The owner of the project can make one."}</p>`}
      ${isThere && key && html`<${Key} of=${key} />`}
      ${
        asked === "replace" &&
        html`<${Confirm} title="Replace the deploy key?" action="Replace it" onConfirm=${make} onClose=${close}>
          <p>The repository cannot be read until its forge has the public half of the new one.</p>
        <//>`
      }
      ${
        asked === "remove" &&
        html`<${Confirm} title="Remove the deploy key?" action="Remove it" onConfirm=${remove} onClose=${close}>
          <p>A repository that only this key opens can no longer be deployed.</p>
        <//>`
      }
    <//>
  `;
}

function Key({ of: { public_key: text, fingerprint, created_at: time } }) {
  return html`
    <div class="stack tight">
      <${CopyLine} text=${text} label="Copy the public key" />
      <p class="hint">
        Add it to the repository: GitHub and Gitea: Settings, Deploy keys. GitLab: Settings, Repository, Deploy keys.
        Bitbucket: Repository settings, Access keys. To read is enough.
      </p>
      <p class="hint"><code>${fingerprint}</code>, made <${Ago} time=${time} /></p>
    </div>
  `;
}
