/** API tokens. */
import { api } from "../../lib/api.js";
import { now } from "../../lib/clock.js";
import { DAY, day } from "../../lib/format.js";
import { html, useState } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Badge, Button, FormDialog, Input, ListCard, SecretDialog, Select, Table, TimeAgo, toast, useDialog } from "../../lib/ui.js";

const SCOPES = [
  { value: "deploy", label: "Deploy", hint: "Read everything, deploy, roll back, restart and stop." },
  { value: "read", label: "Read", hint: "Read everything." },
  { value: "full", label: "Full", hint: "Everything you can do, except managing tokens, passwords and members." },
];

const LIFETIMES = [
  { value: "90", label: "90 days" },
  { value: "30", label: "30 days" },
  { value: "365", label: "1 year" },
  { value: "", label: "Never" },
];

export function Tokens() {
  const tokens = useResource("/tokens");
  const { dialog, open, confirm } = useDialog();

  const remove = async ({ id, name }) => {
    await api.delete(`/tokens/${id}`);
    tokens.set(({ data }) => ({ data: data.filter((token) => token.id !== id) }));
    toast.success(`The token “${name}” was deleted.`);
  };
  const askRemove = (token) =>
    confirm({
      title: "Delete this token?",
      action: "Delete",
      text: html`Programs that use “${token.name}” (<code>${token.prefix}…</code>) will lose access immediately.`,
      onConfirm: () => remove(token),
    });
  const show = (token) =>
    open((close) => html`
      <${SecretDialog} title=${`Token “${token.name}”`} secret=${token.token} label="Copy the token" onClose=${close}>
        <p class="hint">Send the token in the header <code>Authorization: Bearer …</code></p>
      <//>
    `);
  const add = () => open((close) => html`<${TokenDialog} onCreated=${tokens.reload} onClose=${(token) => (token ? show(token) : close())} />`);
  return html`
    <${ListCard}
      title="API tokens" hint="For programs that act on your behalf, such as CI." resource=${tokens}
      action=${html`<${Button} icon="plus" onClick=${add}>New token<//>`}
      empty=${{ title: "No API tokens", icon: "key", text: "A token gives a program access without your password. You can delete each token separately." }}
    >
      ${(items) => html`<${Table} label="API tokens" columns=${columns(askRemove)} rows=${items} />`}
    <//>
    ${dialog}
  `;
}

const columns = (onDelete) => [
  { head: "Token", cell: (token) => html`<${Name} of=${token} />` },
  { head: "Use", isNarrow: true, cell: (token) => html`<${Use} of=${token} />` },
  {
    head: "Delete",
    isHeadHidden: true,
    isNarrow: true,
    cell: (token) => html`<${Button} kind="quiet" size="small" icon="trash" label=${`Delete the token ${token.name}`} onClick=${() => onDelete(token)} />`,
  },
];

function Name({ of: { name, prefix, scope } }) {
  return html`
    <div class="token">
      <span class="strong">${name}</span>
      <span class="row"><code class="hint">${prefix}…</code><${Badge}>${scope}<//></span>
    </div>
  `;
}

function Use({ of: { last_used_at: used, expires_at: end } }) {
  const isExpired = end && Date.parse(end) <= now();
  return html`
    <div class="token">
      <span>${used ? html`Used <${TimeAgo} time=${used} />` : "Never used"}</span>
      <span class="hint">${isExpired ? html`<${Badge} tone="bad">Expired<//>` : end ? `Expires ${day(end)}` : "Never expires"}</span>
    </div>
  `;
}

function TokenDialog({ onCreated, onClose }) {
  const [scope, setScope] = useState("deploy");
  const create = async ({ name, lifetime }) => {
    const expires = lifetime && new Date(now() + Number(lifetime) * DAY).toISOString();
    const token = await api.post("/tokens", { name, scope, expires_at: expires });
    onCreated();
    return token;
  };
  return html`
    <${FormDialog} title="New API token" label="New API token" action="Create" onSubmit=${create} onClose=${onClose}>
      <${Input} name="name" label="Name" placeholder="CI of shop" required autofocus />
      <${Select} name="scope" label="Scope" hint=${SCOPES.find(({ value }) => value === scope).hint} options=${SCOPES} value=${scope} onChange=${(event) => setScope(event.target.value)} />
      <${Select} name="lifetime" label="Expires after" options=${LIFETIMES} value="90" />
    <//>
  `;
}
