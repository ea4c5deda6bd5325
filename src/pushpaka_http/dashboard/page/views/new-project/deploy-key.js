/** The deploy key of a new project. */
import { api } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Button, Card, CopyLine, Problem, Skeleton } from "../../lib/ui.js";

/** @param {{id: string, isUsed: boolean, isBusy: boolean, onAdded: () => void}} props */
export function DeployKey({ id, isUsed, isBusy, onAdded }) {
  const key = useResource(`/projects/${id}/deploy-key`);
  const create = async () => key.set(await api.post(`/projects/${id}/deploy-key`));
  const isMissing = key.error?.status === 404;
  return html`
    <${Card} title="Deploy key" hint="Add this public key to your repository as a read-only deploy key.">
      <div class="stack">
        ${key.data && html`<${CopyLine} text=${key.data.public_key} label="Copy the key" />`}
        ${!key.data && !key.error && html`<${Skeleton} height=${38} />`}
        ${key.error && !isMissing && html`<${Problem} error=${key.error} retry=${key.reload} />`}
        <div class="row">
          ${isMissing && html`<${Button} icon="key" onClick=${create}>Create deploy key<//>`}
          ${key.data && !isUsed && html`<${Button} kind="primary" isBusy=${isBusy} onClick=${onAdded}>I have added it<//>`}
        </div>
      </div>
    <//>
  `;
}
