/** Who is invited into the team and has not answered yet; for its owner. */
import { api } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { hrefOf } from "../../lib/router.js";
import { Badge, Button, Card, CopyLine, Form, Input, Problem, Select, Submit, toast } from "../../lib/ui.js";
import { ROLES } from "./roles.js";

const OPTIONS = Object.entries(ROLES).map(([value, label]) => ({ value, label }));

export function Invitations({ project }) {
  const path = `/projects/${project.id}/invitations`;
  const { data, error, reload } = useResource(path);
  const invite = async (values) => {
    const { email } = await api.post(path, values);
    toast.say(`${email} is invited.`);
    await reload();
  };
  const withdraw = async ({ id, email }) => {
    await api.delete(`${path}/${id}`);
    toast.say(`${email} is not invited any more.`);
    await reload();
  };
  const opened = data?.data ?? [];
  return html`
    <${Card} title="Invite somebody" hint="By the e-mail address of their account, or of the one that they will have.">
      <div class="stack">
        <${Form} label="Invitation" onSubmit=${invite} resets>
          <div class="fields">
            <${Input} name="email" type="email" label="E-mail address" required autocomplete="off" placeholder="bob@example.com" />
            <${Select} name="role" label="As" options=${OPTIONS} value="member" />
          </div>
          <div class="actions"><${Submit}>Invite<//></div>
        <//>
        ${error && html`<${Problem} error=${error} retry=${reload} />`}
        ${opened.length > 0 && html`<${Opened} opened=${opened} withdraw=${withdraw} />`}
      </div>
    <//>
  `;
}

function Opened({ opened, withdraw }) {
  const page = new URL(hrefOf("/invitations"), window.location.href).href;
  return html`
    <h3>Not answered yet</h3>
    <ul class="entries framed">
      ${opened.map(
        (each) => html`
          <li key=${each.id} class="member">
            <div>
              <p>${each.email}</p>
              <p class="hint">Good for ${daysLeft(each.expires_at)} more</p>
            </div>
            <div class="row">
              <${Badge}>${each.role}<//>
              <${Button} size="small" kind="quiet" onClick=${() => withdraw(each)}>Withdraw<span class="unseen"> the invitation of ${each.email}</span><//>
            </div>
          </li>
        `,
      )}
    </ul>
    <div class="stack tight">
      <p class="hint">No mail is sent: tell them yourself. Once signed in, they answer here:</p>
      <${CopyLine} text=${page} label="Copy the address" />
    </div>
  `;
}

function daysLeft(time) {
  const days = Math.max(1, Math.ceil((Date.parse(time) - Date.now()) / 86_400_000));
  return days === 1 ? "a day" : `${days} days`;
}
