/** The section for the Git token, for private repositories over HTTPS. */
import { api } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { Link } from "../../lib/router.js";
import { Button, Card, Input, toast, useDialog } from "../../lib/ui.js";

export function GitToken({ project, onRemoved }) {
  const { dialog, confirm } = useDialog();
  const hasToken = project.has_git_token;
  const remove = async () => {
    onRemoved(await api.patch(`/projects/${project.id}`, { git_token: null }));
    toast.success("The Git token was removed.");
  };
  const askRemove = () =>
    confirm({
      title: "Remove the Git token?",
      action: "Remove",
      text: "If the repository is private, Pushpaka will no longer be able to read it, and new deployments will fail.",
      onConfirm: remove,
    });
  const hint = html`The Git token gives Pushpaka access to a private repository over HTTPS and lets it report commit statuses. For SSH, use a <${Link} to=${`/projects/${project.id}/integrations`}>deploy key<//>.`;
  const actions = hasToken && html`<${Button} onClick=${askRemove}>Remove token<//>`;
  return html`
    <${Card} title="Git token" hint=${hint} actions=${actions}>
      <${Input} name="git_token" type="password" isMono autocomplete="off" label=${hasToken ? "New token" : "Token"} hint=${hasToken ? "A token is stored. Enter a new token to replace it." : "The token is stored encrypted and never shown again."} />
      ${dialog}
    <//>
  `;
}
