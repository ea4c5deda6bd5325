/** Invitations to a project, for its owner. */
import { api } from "../../lib/api.js";
import { DAY, count } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { hrefOf } from "../../lib/router.js";
import { Badge, Button, Card, CopyLine, Form, Input, Problem, Select, Submit, toast } from "../../lib/ui.js";
import { ROLE_OPTIONS } from "./roles.js";

export function Invitations({ project }) {
  const path = `/projects/${project.id}/invitations`;
  const { data, error, reload } = useResource(path);
  const invite = async (values) => {
    const { email } = await api.post(path, values);
    toast.success(`${email} was invited.`);
    await reload();
  };
  const withdraw = async ({ id, email }) => {
    await api.delete(`${path}/${id}`);
    toast.success(`The invitation for ${email} was withdrawn.`);
    await reload();
  };
  const pending = data?.data ?? [];
  return html`
    <${Card} title="Invite a member" hint="Enter the email address of their account, or the address that they will register with.">
      <div class="stack">
        <${Form} label="Invitation" onSubmit=${invite} resets>
          <div class="fields">
            <${Input} name="email" type="email" label="Email" required autocomplete="off" placeholder="bob@example.com" />
            <${Select} name="role" label="Role" options=${ROLE_OPTIONS} value="member" />
          </div>
          <div class="actions"><${Submit}>Invite<//></div>
        <//>
        ${error && html`<${Problem} error=${error} retry=${reload} />`}
        ${pending.length > 0 && html`<${Pending} invitations=${pending} withdraw=${withdraw} />`}
      </div>
    <//>
  `;
}

function Pending({ invitations, withdraw }) {
  const url = new URL(hrefOf("/invitations"), window.location.href).href;
  const daysLeft = (time) => Math.max(1, Math.ceil((Date.parse(time) - Date.now()) / DAY));
  return html`
    <h3>Pending invitations</h3>
    <ul class="entries framed">
      ${invitations.map(
        (each) => html`
          <li key=${each.id} class="member">
            <div>
              <p>${each.email}</p>
              <p class="hint">Expires in ${count(daysLeft(each.expires_at), "day")}</p>
            </div>
            <div class="row">
              <${Badge}>${each.role}<//>
              <${Button} size="small" kind="quiet" onClick=${() => withdraw(each)}>Withdraw<span class="unseen"> the invitation for ${each.email}</span><//>
            </div>
          </li>
        `,
      )}
    </ul>
    <div class="stack tight">
      <p class="hint">Pushpaka sends no email. Send this link to the person, who can accept the invitation after signing in:</p>
      <${CopyLine} text=${url} label="Copy the link" />
    </div>
  `;
}
