/** What opens a private repository over https: kept, and never shown again. */
import { api } from "../../lib/api.js";
import { html, useState } from "../../lib/html.js";
import { Link } from "../../lib/router.js";
import { Button, Card, Confirm, Form, Input, Submit, toast } from "../../lib/ui.js";

export function GitToken({ project, onSaved }) {
  const [isForgetting, setIsForgetting] = useState(false);
  const keep = async (token) => {
    onSaved(await api.patch(`/projects/${project.id}`, { git_token: token }));
    toast.say(token ? "The git token is kept." : "The git token was forgotten.");
  };
  const hint = html`For a private repository over https, and for telling its forge of each commit's state. Over ssh it is <${Link} to=${`/projects/${project.id}/hooks`}>a deploy key<//>.`;
  return html`
    <${Card} title="Git token" hint=${hint}>
      <${Form} label="Git token" resets onSubmit=${({ git_token: token }) => keep(token)}>
        <${Input} name="git_token" type="password" required isMono autocomplete="off" label=${project.has_git_token ? "Another token" : "Token"} hint=${project.has_git_token ? "There is one. It cannot be shown; another one takes its place." : "There is none."} />
        <div class="actions">
          <${Submit} kind="plain">Keep it<//>
          ${project.has_git_token && html`<${Button} kind="quiet" onClick=${() => setIsForgetting(true)}>Forget the token<//>`}
        </div>
      <//>
      ${
        isForgetting &&
        html`<${Confirm} title="Forget the git token?" action="Forget it" onConfirm=${() => keep(null)} onClose=${() => setIsForgetting(false)}>
          <p>A private repository can no longer be read then, so that deployments of its commits fail.</p>
        <//>`
      }
    <//>
  `;
}
